import { type ArgumentsHost, Catch, Controller, type ExceptionFilter, Get, UnauthorizedException, UseGuards } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import { describe, expect, test } from 'vitest'
import { fixedWindow, memoryStore, RateLimit, RateLimitModule, rateLimit, SkipRateLimit } from '../src/index.ts'
import { appOf, GUARD, moduleOf } from './app.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })

@Controller()
class Plain {
  @Get()
  plain(): string {
    return 'plain'
  }
}

@Controller()
class Refusing {
  @Get('refusing')
  refusing(): never {
    throw new UnauthorizedException()
  }
}

describe('rateLimit(), without the module', () => {
  const login = rateLimit({ name: 'login', limits: [minute(1)] })
  @Controller()
  class Login {
    @Get('login')
    @UseGuards(login)
    @RateLimit({ limit: 9, window: '1h' })
    login(): string {
      return 'in'
    }
    @Get('free')
    @SkipRateLimit()
    free(): string {
      return 'free'
    }
  }
  test('is a guard with a limiter: a second decision beside that of the module, which alone obeys @RateLimit', async () => {
    const { get } = await appOf({ store: memoryStore() }, { controllers: [Login] })
    expect((await get('/login')).policy).toBe('"default";q=100;w=60, "Login.login";q=9;w=3600, "login.minute";q=1;w=60')
    expect((await get('/login')).status).toBe(429)
    await login.limiter.reset('127.0.0.1')
    expect((await get('/login')).status).toBe(200)
  })
  test('limits the whole application by useGlobalGuards, and obeys @SkipRateLimit()', async () => {
    await login.limiter.reset('127.0.0.1')
    const { get } = await appOf(undefined, { controllers: [Plain, Login] }, (app) =>
      app.useGlobalGuards(rateLimit({ limits: [minute(1)] })),
    )
    expect((await get('/free')).policy).toBeNull()
    expect([(await get('/')).status, (await get('/')).status]).toEqual([200, 429])
  })
})

test('P1: after a handler that throws, an exception filter that sets no status answers with 200', async () => {
  @Catch()
  class Plainly implements ExceptionFilter<Error> {
    catch(error: Error, host: ArgumentsHost): void {
      host.switchToHttp().getResponse<{ end(text: string): void }>().end(error.message)
    }
  }
  const handler = () => {
    throw new Error('no answer')
  }
  const { get } = await appOf({ limits: [minute(1)], handler, store: memoryStore() }, { controllers: [Plain] }, (app) =>
    app.useGlobalFilters(new Plainly()),
  )
  expect((await get('/')).status).toBe(200)
  const refused = await get('/')
  expect([refused.status, refused.text, refused.headers.has('retry-after')]).toEqual([200, 'no answer', true])
})

test('F15: refundWhen refunds in a test by inject()', async () => {
  const module = RateLimitModule.forRoot({ limits: [minute(1)], refundWhen: (_context, { status }) => status < 400, store: memoryStore() })
  const root = moduleOf({ imports: [module], controllers: [Plain, Refusing], providers: [GUARD] })
  const app = await NestFactory.create<NestFastifyApplication>(root, new FastifyAdapter(), { logger: false })
  await app.init()
  const statuses: number[] = []
  for (const url of ['/', '/', '/refusing', '/']) statuses.push((await app.inject(url)).statusCode)
  expect(statuses).toEqual([200, 200, 401, 429])
  await app.close()
})
