import { Controller, type ExecutionContext, Get, Inject } from '@nestjs/common'
import { describe, expect, test } from 'vitest'
import {
  type Decision,
  fixedWindow,
  header,
  OverrideRateLimit,
  RateLimit,
  RateLimitCost,
  RateLimitDecision,
  RateLimiter,
  type RateLimitModuleOptions,
  requestOf,
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
  @OverrideRateLimit({ short: { limit: 1 } })
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
@OverrideRateLimit({ short: { limit: 8 } })
@RateLimitCost(2)
@SkipRateLimit('long')
class Reports {
  @Get('a')
  a(): string {
    return 'a'
  }
  @Get('b')
  @RateLimitCost(() => Promise.resolve(1))
  @OverrideRateLimit({ short: { window: '10s' } })
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

describe('the limits of a method', () => {
  test('without decorators: the limits of the module, counted over all routes', async () => {
    const { get } = await users()
    expect(await get('/plain')).toMatchObject({ policy: '"short";q=20;w=60, "long";q=100;w=3600', left: [19, 99] })
    expect((await get('/own')).left.slice(0, 2)).toEqual([18, 98])
  })
  test('@RateLimit adds a limit named Class.method, in one decision with the others: all or nothing', async () => {
    const { get } = await users()
    for (let i = 1; i <= 5; i++) expect((await get('/own')).left).toEqual([20 - i, 100 - i, 5 - i])
    const refused = await get('/own')
    expect(refused).toMatchObject({ status: 429, policy: '"short";q=20;w=60, "long";q=100;w=3600, "Users.own";q=5;w=60' })
    expect(JSON.parse(refused.text)).toMatchObject({ 'violated-policies': ['Users.own'] })
    expect((await get('/plain')).left, 'the refusal charged nothing').toEqual([14, 94])
  })
  test('@OverrideRateLimit replaces the numbers of a limit, which counts apart from the module', async () => {
    const { get } = await users()
    await get('/plain')
    expect(await get('/strict')).toMatchObject({
      status: 200,
      text: 'short 0',
      policy: '"short";q=1;w=60, "long";q=100;w=3600',
      left: [0, 98],
    })
    expect((await get('/strict')).status).toBe(429)
    expect((await get('/plain')).left, 'the module counts apart').toEqual([18, 97])
  })
  test('an override without numbers only counts apart', async () => {
    @Controller('apart')
    @OverrideRateLimit({ short: {} })
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
  test('a policy has one state on all routes that name it; several decorators may stand together', async () => {
    const { get } = await users()
    expect(await get('/login')).toMatchObject({ policy: '"short";q=20;w=60, "long";q=100;w=3600, "login";q=2;w=900', left: [19, 99, 1] })
    const policy = '"short";q=20;w=60, "long";q=100;w=3600, "login";q=2;w=900, "slow";q=3;w=60, "fast";q=4;w=60'
    expect(await get('/token')).toMatchObject({ policy, left: [18, 98, 0, 2, 3] })
    expect((await get('/login')).status).toBe(429)
  })
})

test('Pj: a label of @RateLimit, of @OverrideRateLimit and of a policy is shown, and names no state', async () => {
  @Controller('labels')
  class Labels {
    @Get()
    @RateLimit({ limit: 5, window: '1m', label: '5-in-1min' })
    @OverrideRateLimit({ short: { label: 'few' } })
    @RateLimit('login')
    labels(@RateLimitDecision() decision: Decision): string {
      return decision.charges.map(({ limit }) => limit.name).join()
    }
  }
  const policies = { login: { limit: 2, window: '15m', label: 'logins' } } as const
  const { get } = await appOf(moduleOptions({ policies }), { controllers: [Labels] })
  expect(await get('/labels')).toMatchObject({
    text: 'short,long,Labels.labels,login',
    policy: '"few";q=20;w=60, "long";q=100;w=3600, "5-in-1min";q=5;w=60, "logins";q=2;w=900',
  })
})

describe('M1: numbers from functions', () => {
  const numberOf = (name: string) => (context: ExecutionContext) => {
    const text = requestOf(context).headers[name]
    return text === undefined ? undefined : Number(text)
  }
  @Controller()
  class Plans {
    @Get('override')
    @OverrideRateLimit({
      short: { limit: numberOf('x-limit') },
      long: { window: async (context) => requestOf(context).headers['x-window'] },
    })
    override(): string {
      return 'override'
    }
    @Get('own')
    @RateLimit({ limit: numberOf('x-limit'), window: '15m' })
    own(): string {
      return 'own'
    }
    @Get('list')
    @RateLimit({ limits: [fixedWindow({ name: 'list', limit: numberOf('x-limit'), window: '1m', defaults: { limit: 6 } })] })
    list(): string {
      return 'list'
    }
    @Get('policy')
    @RateLimit('paid')
    policy(): string {
      return 'policy'
    }
  }
  const plans = () => appOf(moduleOptions({ policies: { paid: { limit: numberOf('x-limit') } } }), { controllers: [Plans] })

  test('of @OverrideRateLimit: undefined stands for the number of the module', async () => {
    const { get } = await plans()
    const asked = await get('/override', { 'x-limit': '3', 'x-window': '2h' })
    expect(asked).toMatchObject({ policy: '"short";q=3;w=60, "long";q=100;w=7200', left: [2, 99] })
    expect((await get('/override')).policy).toBe('"short";q=20;w=60, "long";q=100;w=3600')
  })
  test('of @RateLimit, of its list, and of a policy', async () => {
    const { get } = await plans()
    const module = '"short";q=20;w=60, "long";q=100;w=3600'
    expect((await get('/own', { 'x-limit': '4' })).policy).toBe(`${module}, "Plans.own";q=4;w=900`)
    expect((await get('/list', { 'x-limit': '5' })).policy).toBe(`${module}, "list";q=5;w=60`)
    expect((await get('/list')).policy).toBe(`${module}, "list";q=6;w=60`)
    expect((await get('/policy', { 'x-limit': '7' })).policy).toBe(`${module}, "paid";q=7;w=60`)
  })
})

describe('@SkipRateLimit', () => {
  test('exempts a method from all limits: no charge and no headers', async () => {
    const { get } = await users()
    expect(await get('/free')).toMatchObject({ status: 200, policy: null })
    expect((await get('/plain')).left).toEqual([19, 99])
  })
  test('exempts a method from limits by name', async () => {
    const { get } = await users()
    expect((await get('/slowly')).policy).toBe('"long";q=100;w=3600')
  })
  test('of a class is undone by @SkipRateLimit(false) on a method', async () => {
    const { get } = await reports()
    expect((await get('/reports/a')).policy).toBe('"short";q=8;w=60, "reports";q=4;w=60')
    expect((await get('/reports/c')).policy).toBe('"short";q=8;w=60, "long";q=100;w=3600, "reports";q=4;w=60')
  })
})

describe('the limits of a class', () => {
  test('are shared by its methods, have their own key, and apply beside those of a method', async () => {
    const { get } = await reports()
    expect((await get('/reports/a', { 'x-team': 'red' })).left).toEqual([6, 2])
    expect((await get('/reports/a', { 'x-team': 'blue' })).left).toEqual([4, 2])
    expect((await get('/reports/c', { 'x-team': 'red' })).left).toEqual([2, 98, 0])
  })
  test('are overridden on a method: a number that the method leaves out is that of the class', async () => {
    const { get } = await reports()
    await get('/reports/a')
    expect(await get('/reports/b')).toMatchObject({ policy: '"short";q=8;w=10, "reports";q=4;w=60', left: [7, 1] })
  })
  test('are replaced by a limit of the same name on a method', async () => {
    const { get } = await reports()
    expect(await get('/reports/d')).toMatchObject({ policy: '"short";q=8;w=60, "reports";q=9;w=60', left: [6, 7] })
  })
})

describe('@RateLimitCost', () => {
  test('by limit: a limit that is not named costs 1', async () => {
    const { get } = await users()
    expect((await get('/costly')).left).toEqual([19, 93])
  })
  test('of a method replaces that of its class', async () => {
    const { get } = await reports()
    expect((await get('/reports/a')).left).toEqual([6, 2])
    expect((await get('/reports/b')).left).toEqual([7, 1])
  })
})

test('an inherited method counts for each subclass apart', async () => {
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

test('the other options of @RateLimit apply on that route only', async () => {
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

describe('RateLimiter in a service', () => {
  test('is the limiter of the module: it peeks and resets what the routes charged', async () => {
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
    expect((await get('/own')).left, 'the limits of routes too').toEqual([19, 98, 4])
  })
})

describe('a block', () => {
  @Controller()
  class Doors {
    @Get('added')
    @RateLimit({ limit: 5, window: '1m', blockedStatus: 403 })
    added(): string {
      return 'added'
    }
    @Get('keyed')
    @RateLimit({ limit: 5, window: '1m', key: header('x-key') })
    keyed(): string {
      return 'keyed'
    }
  }
  const blocked = async (subject: string) => {
    const { app, get } = await appOf(moduleOptions(), { controllers: [Users, Doors] })
    const limiter = app.get(RateLimiter)
    expect(await limiter.block(subject, '5m')).toBe(1_800_000_300_000)
    return { limiter, get }
  }

  test('refuses on each route, whatever its decorators are, and charges nothing', async () => {
    const { limiter, get } = await blocked('127.0.0.1')
    for (const path of ['/plain', '/own', '/strict', '/login', '/token', '/slowly', '/costly'])
      expect(await get(path), path).toMatchObject({ status: 429, text: expect.stringContaining('blocked') as string })
    expect((await get('/free')).status).toBe(200)
    expect(await limiter.unblock('127.0.0.1')).toBe(true)
    expect((await get('/own')).left).toEqual([19, 99, 4])
    expect((await get('/strict')).left).toEqual([0, 98])
  })
  test('has the status of `blockedStatus` on the route that has it', async () => {
    const { get } = await blocked('127.0.0.1')
    expect([(await get('/added')).status, (await get('/own')).status]).toEqual([403, 429])
  })
  test('of the key of a route refuses there only', async () => {
    const { get } = await blocked('ann')
    expect((await get('/keyed', { 'x-key': 'ann' })).status).toBe(429)
    expect((await get('/keyed', { 'x-key': 'bob' })).status).toBe(200)
    expect((await get('/plain')).status).toBe(200)
  })
})

describe('@OverrideRateLimit', () => {
  test('overrides a limit that has the name of an option', async () => {
    @Controller()
    class Chat {
      @Get('plain')
      plain(): string {
        return 'plain'
      }
      @Get('strict')
      @OverrideRateLimit({ message: { limit: 2 }, window: { window: '2h' }, default: {} })
      strict(): string {
        return 'strict'
      }
    }
    const limits = [
      fixedWindow({ name: 'message', limit: 20, window: '1m' }),
      fixedWindow({ name: 'window', limit: 50, window: '1h' }),
      fixedWindow({ name: 'default', limit: 90, window: '1m' }),
    ]
    const { get } = await appOf(moduleOptions({ limits }), { controllers: [Chat] })
    expect((await get('/plain')).policy).toBe('"message";q=20;w=60, "window";q=50;w=3600, "default";q=90;w=60')
    const strict = await get('/strict')
    expect(strict.policy).toBe('"message";q=2;w=60, "window";q=50;w=7200, "default";q=90;w=60')
    expect(strict.left, 'each counts apart from the module').toEqual([1, 49, 89])
  })
  test('overrides what a decorator above it, or the class, adds', async () => {
    @Controller()
    @RateLimit({ limits: [fixedWindow({ name: 'class', limit: 9, window: '1m' })] })
    class Layered {
      @Get()
      @RateLimit({ limit: 8, window: '1m' })
      @OverrideRateLimit({ class: { limit: 3 }, 'Layered.find': { limit: 2 } })
      find(): string {
        return 'found'
      }
    }
    const { get } = await appOf(moduleOptions({ limits: [short] }), { controllers: [Layered] })
    expect((await get('/')).policy).toBe('"short";q=20;w=60, "class";q=3;w=60, "Layered.find";q=2;w=60')
  })
})

describe('a wrong argument is refused when the class is defined', () => {
  test.each<[string, () => unknown, string, string]>([
    ['a cost', () => RateLimitCost(-1), 'ERR_OPTION_INVALID', 'got -1'],
    ['a cost by limit', () => RateLimitCost({ short: 1.5 }), 'ERR_OPTION_INVALID', '@RateLimitCost'],
    ["a peer's skip", () => SkipRateLimit({ short: true } as never), 'ERR_OPTION_INVALID', "@SkipRateLimit('short')"],
    ['a name beside a boolean', () => SkipRateLimit(...(['short', true] as never)), 'ERR_OPTION_INVALID', 'got true'],
    ['null', () => SkipRateLimit(null as never), 'ERR_OPTION_INVALID', 'got null'],
  ])('%s', (_what, decorate, code, message) => {
    expect(decorate).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) as string }))
  })
})
