import { Controller, Get, UseGuards } from '@nestjs/common'
import { describe, expect, test } from 'vitest'
import { fixedWindow, memoryStore, RateLimit, rateLimit, SkipRateLimit } from '../src/index.ts'
import { appOf } from './app.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })

@Controller()
class Plain {
  @Get()
  plain(): string {
    return 'plain'
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
