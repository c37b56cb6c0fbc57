import { Controller, Get, Inject } from '@nestjs/common'
import { describe, expect, test } from 'vitest'
import {
  type Decision,
  fixedWindow,
  header,
  RateLimit,
  RateLimitCost,
  RateLimitDecision,
  RateLimiter,
  type RateLimitModuleOptions,
  SkipRateLimit,
} from '../src/index.ts'
import { appOf, stoppedStore } from './app.ts'

const short = fixedWindow({ name: 'short', limit: 20, window: '1m' })
const long = fixedWindow({ name: 'long', limit: 100, window: '1h' })
const moduleOptions = (more: RateLimitModuleOptions = {}): RateLimitModuleOptions => ({
  limits: [short, long],
  store: stoppedStore().store,
  policies: {
    login: { limit: 2, window: '15m' },
    export: [fixedWindow({ name: 'slow', limit: 3, window: '1m' }), fixedWindow({ name: 'fast', limit: 4, window: '1m' })],
  },
  ...more,
})

@Controller()
class Users {
  @Get('plain')
  plain(): string {
    return 'plain'
  }
  @RateLimit({ limit: 5, window: '1m' })
  @Get('own')
  own(): string {
    return 'own'
  }
  @Get('strict')
  @RateLimit({ short: { limit: 1 } })
  strict(@RateLimitDecision() decision: Decision): string {
    return `${decision.binding?.name} ${decision.remaining}`
  }
  @RateLimit('login')
  @Get('login')
  login(): string {
    return 'login'
  }
  @RateLimit('login')
  @RateLimit('export')
  @Get('token')
  token(): string {
    return 'token'
  }
  @SkipRateLimit()
  @Get('free')
  free(): string {
    return 'free'
  }
  @SkipRateLimit('short')
  @Get('slowly')
  slowly(): string {
    return 'slowly'
  }
  @RateLimitCost({ long: 7 })
  @Get('costly')
  costly(): string {
    return 'costly'
  }
}

@Controller('reports')
@RateLimit({ limits: [fixedWindow({ name: 'reports', limit: 4, window: '1m', key: header('x-team') })] })
@RateLimit({ short: { limit: 8 } })
@RateLimitCost(2)
@SkipRateLimit('long')
class Reports {
  @Get('a')
  a(): string {
    return 'a'
  }
  @Get('b')
  @RateLimitCost(() => Promise.resolve(1))
  @RateLimit({ short: { window: '10s' } })
  b(): string {
    return 'b'
  }
  @Get('c')
  @SkipRateLimit(false)
  c(): string {
    return 'c'
  }
  @Get('d')
  @RateLimit({ limits: [fixedWindow({ name: 'reports', limit: 9, window: '1m' })], name: 'd' })
  d(): string {
    return 'd'
  }
}

const users = () => appOf(moduleOptions(), { controllers: [Users] })
const reports = () => appOf(moduleOptions(), { controllers: [Reports] })

describe('limits of a method', () => {
  test('without decorators: those of the module, over all routes', async () => {
    const { get } = await users()
    expect(await get('/plain')).toMatchObject({ policy: '"short";q=20;w=60, "long";q=100;w=3600', left: [19, 99] })
    expect((await get('/own')).left.slice(0, 2)).toEqual([18, 98])
  })
  test('a limit of its own is added, named Class.method, and is one decision with the others: all or nothing', async () => {
    const { get } = await users()
    for (let i = 1; i <= 5; i++) expect((await get('/own')).left).toEqual([20 - i, 100 - i, 5 - i])
    const refused = await get('/own')
    expect(refused).toMatchObject({ status: 429, policy: '"short";q=20;w=60, "long";q=100;w=3600, "Users.own";q=5;w=60' })
    expect(JSON.parse(refused.text)).toMatchObject({ 'violated-policies': ['Users.own'] })
    expect((await get('/plain')).left, 'the refusal took nothing').toEqual([14, 94])
  })
  test('a limit of the module with other numbers takes its place, on a counter of its own', async () => {
    const { get } = await users()
    await get('/plain')
    expect(await get('/strict')).toMatchObject({
      status: 200,
      text: 'short 0',
      policy: '"short";q=1;w=60, "long";q=100;w=3600',
      left: [0, 98],
    })
    expect((await get('/strict')).status).toBe(429)
    expect((await get('/plain')).left, 'the counter of the module is another').toEqual([18, 97])
  })
  test('without numbers a limit is as it was, on a counter of its own', async () => {
    @Controller('apart')
    @RateLimit({ short: {} })
    class Apart {
      @Get()
      apart(): string {
        return 'apart'
      }
    }
    const { get } = await appOf(moduleOptions(), { controllers: [Users, Apart] })
    await get('/plain')
    expect((await get('/apart')).left).toEqual([19, 98])
  })
  test('a policy has one state wherever it is named; several decorators stand together', async () => {
    const { get } = await users()
    expect(await get('/login')).toMatchObject({ policy: '"short";q=20;w=60, "long";q=100;w=3600, "login";q=2;w=900', left: [19, 99, 1] })
    const policy = '"short";q=20;w=60, "long";q=100;w=3600, "login";q=2;w=900, "slow";q=3;w=60, "fast";q=4;w=60'
    expect(await get('/token')).toMatchObject({ policy, left: [18, 98, 0, 2, 3] })
    expect((await get('/login')).status).toBe(429)
  })
})

describe('skip', () => {
  test('a method altogether: not counted, and no headers', async () => {
    const { get } = await users()
    expect(await get('/free')).toMatchObject({ status: 200, policy: null })
    expect((await get('/plain')).left).toEqual([19, 99])
  })
  test('limits by name', async () => {
    const { get } = await users()
    expect((await get('/slowly')).policy).toBe('"long";q=100;w=3600')
  })
  test('of a class, undone by a method', async () => {
    const { get } = await reports()
    expect((await get('/reports/a')).policy).toBe('"short";q=8;w=60, "reports";q=4;w=60')
    expect((await get('/reports/c')).policy).toBe('"short";q=8;w=60, "long";q=100;w=3600, "reports";q=4;w=60')
  })
})

describe('limits of a class', () => {
  test('are shared by its methods, with their own key, and hold beside the method’s', async () => {
    const { get } = await reports()
    expect((await get('/reports/a', { 'x-team': 'red' })).left).toEqual([6, 2])
    expect((await get('/reports/a', { 'x-team': 'blue' })).left).toEqual([4, 2])
    expect((await get('/reports/c', { 'x-team': 'red' })).left).toEqual([2, 98, 0])
  })
  test('a method gives them other numbers: what it does not say is the class’s', async () => {
    const { get } = await reports()
    await get('/reports/a')
    expect(await get('/reports/b')).toMatchObject({ policy: '"short";q=8;w=10, "reports";q=4;w=60', left: [7, 1] })
  })
  test('a limit of the same name takes the place of the class’s', async () => {
    const { get } = await reports()
    expect(await get('/reports/d')).toMatchObject({ policy: '"short";q=8;w=60, "reports";q=9;w=60', left: [6, 7] })
  })
})

describe('cost', () => {
  test('by limit: a name that is not there costs 1', async () => {
    const { get } = await users()
    expect((await get('/costly')).left).toEqual([19, 93])
  })
  test('of a class, and of a method in its place', async () => {
    const { get } = await reports()
    expect((await get('/reports/a')).left).toEqual([6, 2])
    expect((await get('/reports/b')).left).toEqual([7, 1])
  })
})

test('an inherited method is a route of its own', async () => {
  class Base {
    @Get()
    @RateLimit({ limit: 3, window: '1m' })
    find(): string {
      return 'found'
    }
  }
  @Controller('cats')
  class Cats extends Base {}
  @Controller('dogs')
  class Dogs extends Base {}
  const { get } = await appOf(moduleOptions(), { controllers: [Cats, Dogs] })
  expect(await get('/cats')).toMatchObject({ left: [19, 99, 2], policy: expect.stringContaining('"Cats.find"') as string })
  expect(await get('/dogs')).toMatchObject({ left: [18, 98, 2], policy: expect.stringContaining('"Dogs.find"') as string })
})

test('what a route says besides limits holds there alone', async () => {
  @Controller()
  class Odd {
    @Get('odd')
    @RateLimit({
      limit: 1,
      window: '1m',
      key: header('x-key'),
      statusCode: 420,
      message: 'enough',
      skip: (context) => context.getArgByIndex(0).headers['x-skip'] === '1',
    })
    odd(): string {
      return 'odd'
    }
    @Get('even')
    even(): string {
      return 'even'
    }
  }
  const { get } = await appOf(
    { ...moduleOptions(), limits: [fixedWindow({ name: 'app', limit: 2, window: '1m' })] },
    { controllers: [Odd] },
  )
  expect((await get('/odd', { 'x-skip': '1' })).policy).toBeNull()
  expect((await get('/odd', { 'x-key': 'a' })).left).toEqual([1, 0])
  expect(await get('/odd', { 'x-key': 'a' })).toMatchObject({ status: 420, text: 'enough' })
  expect((await get('/odd', { 'x-key': 'b' })).left).toEqual([0, 0])
  expect((await get('/even')).status).toBe(429)
})

describe('a service', () => {
  test('uses the limiter of the module: it settles, peeks and resets what the routes took', async () => {
    @Controller('admin')
    class Admin {
      constructor(@Inject(RateLimiter) private readonly limiter: RateLimiter) {}
      @Get('peek')
      @SkipRateLimit()
      async peek(): Promise<number> {
        return (await this.limiter.peek('127.0.0.1')).remaining
      }
      @Get('reset')
      @SkipRateLimit()
      async reset(): Promise<string> {
        await this.limiter.reset('127.0.0.1')
        return 'done'
      }
    }
    const { get } = await appOf(moduleOptions(), { controllers: [Users, Admin] })
    await get('/own')
    await get('/strict')
    expect((await get('/strict')).status).toBe(429)
    expect((await get('/admin/peek')).text).toBe('19')
    await get('/admin/reset')
    expect((await get('/strict')).left).toEqual([0, 99])
    expect((await get('/own')).left, 'those of routes too').toEqual([19, 98, 4])
  })
})
