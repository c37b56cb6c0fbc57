import { Controller, ForbiddenException, Get, HttpException } from '@nestjs/common'
import { describe, expect, test } from 'vitest'
import { fixedWindow, type RateLimitException, RateLimiter, type RateLimitModuleOptions } from '../src/index.ts'
import { appOf } from './app.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })

@Controller()
class Plain {
  @Get()
  plain(): string {
    return 'plain'
  }
}

describe('a refusal', () => {
  const refused = async (options: RateLimitModuleOptions, prepare?: Parameters<typeof appOf>[2]) => {
    const { get } = await appOf({ limits: [minute(1)], ...options }, { controllers: [Plain] }, prepare)
    await get('/')
    return get('/')
  }
  test('is the exception that the option `exception` makes', async () => {
    const exception: RateLimitModuleOptions['exception'] = async (context, { decision }) => {
      await Promise.resolve()
      return new ForbiddenException(`${context.getHandler().name}: ${decision?.binding?.name} ${(decision?.retryAfter ?? 0) > 0}`)
    }
    const answer = await refused({ exception })
    expect(answer).toMatchObject({ status: 403, text: expect.stringContaining('plain: minute true') as string })
    expect(answer.headers.get('retry-after')).not.toBeNull()
    expect(answer.headers.get('content-type')).toContain('application/json')
  })
  test('is the default exception if `exception` returns undefined', async () => {
    const answer = await refused({ exception: () => undefined })
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
  })
  test('of a blocked subject is a 403 with `blockedStatus: 403`, and your own filters see the verdict', async () => {
    const seen: unknown[] = []
    const { app, get } = await appOf({ limits: [minute(9)], blockedStatus: 403 }, { controllers: [Plain] }, (app) => {
      app.useGlobalFilters({
        catch(error: RateLimitException, host) {
          seen.push(error.getStatus(), error.decision?.verdict, error.extensions['code'], error.message)
          host.switchToHttp().getResponse().status(error.getStatus()).json(error.getResponse())
        },
      })
    })
    await app.get(RateLimiter).block('127.0.0.1', '5m')
    const answer = await get('/')
    expect(answer.status).toBe(403)
    expect(JSON.parse(answer.text)).toMatchObject({ type: 'about:blank', title: 'Forbidden', status: 403 })
    const message = expect.stringMatching(/^Requests are blocked for a time. Retry in \d+ seconds.$/) as string
    expect(seen).toEqual([403, 'blocked', 'FORBIDDEN', message])
  })
  test('reaches your own filters as an HttpException, before anything is written', async () => {
    const seen: unknown[] = []
    const answer = await refused({}, (app) => {
      app.useGlobalFilters({
        catch(error: RateLimitException, host) {
          seen.push(error instanceof HttpException, error.getStatus(), error.decision?.verdict, error.getResponse(), error.message)
          host.switchToHttp().getResponse().status(503).json({ mine: true })
        },
      })
    })
    expect(answer).toMatchObject({ status: 503, text: '{"mine":true}' })
    const detail = expect.stringMatching(/^Limit "minute" allows 1 unit per 60 seconds. Retry in \d+ seconds?.$/) as string
    expect(seen).toEqual([true, 429, 'refused', expect.objectContaining({ status: 429, detail }), detail])
  })
})
