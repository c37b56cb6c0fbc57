import { Controller, Get, NotFoundException } from '@nestjs/common'
import { waitUntil } from '@sluice/testing'
import { describe, expect, test } from 'vitest'
import { fixedWindow, RateLimiter, type RateLimitModuleOptions } from '../src/index.ts'
import { appOf, INTERCEPTOR } from './app.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })

describe('RateLimitInterceptor', () => {
  @Controller()
  class Search {
    @Get('rows')
    rows(): { rows: number } {
      return { rows: 3 }
    }
    @Get('miss')
    miss(): never {
      throw new NotFoundException()
    }
    @Get('boom')
    boom(): never {
      throw new Error('boom')
    }
  }
  const app = (options: RateLimitModuleOptions) =>
    appOf({ limits: [minute(20)], ...options }, { controllers: [Search], providers: [INTERCEPTOR] })

  test('passes the value that the handler returned to `settle`', async () => {
    const { get, app: nest } = await app({ cost: () => 10, settle: (_, { value }) => (value as { rows: number }).rows })
    const limiter = nest.get(RateLimiter)
    expect((await get('/rows')).left).toEqual([10])
    await waitUntil('the settled cost', async () => (await limiter.peek('127.0.0.1', { cost: 0 })).remaining === 17)
  })
  test('passes the error that the handler threw, and the status, to `refundWhen`', async () => {
    const { get, app: nest } = await app({ refundWhen: (_, { status, error }) => error instanceof NotFoundException || status === 500 })
    const limiter = nest.get(RateLimiter)
    const left = async () => (await limiter.peek('127.0.0.1', { cost: 0 })).remaining
    expect((await get('/miss')).status).toBe(404)
    await waitUntil('the refund', async () => (await left()) === 20)
    expect((await get('/boom')).status).toBe(500)
    await waitUntil('the refund', async () => (await left()) === 20)
    await get('/rows')
    expect(await left()).toBe(19)
  })
})
