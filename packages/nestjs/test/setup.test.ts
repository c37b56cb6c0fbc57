import {
  Controller,
  ForbiddenException,
  Get,
  HttpException,
  Inject,
  Injectable,
  Module,
  NotFoundException,
  All,
  UseGuards,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { describe, expect, test, vi } from 'vitest'
import {
  fixedWindow,
  memoryStore,
  RateLimit,
  rateLimit,
  type RateLimitAsyncOptions,
  RateLimiter,
  RateLimitCost,
  RateLimitException,
  RateLimitModule,
  type RateLimitModuleOptions,
  type RateLimitOptionsFactory,
  SkipRateLimit,
} from '../src/index.ts'
import { appOf, GUARD, INTERCEPTOR, moduleOf } from './app.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })

@Controller()
class Plain {
  @Get()
  plain(): string {
    return 'plain'
  }
}

describe('forRootAsync', () => {
  @Injectable()
  class Settings {
    readonly limit = 3
  }
  @Module({ providers: [Settings], exports: [Settings] })
  class SettingsModule {}
  @Injectable()
  class Factory implements RateLimitOptionsFactory {
    constructor(@Inject(Settings) private readonly settings: Settings) {}
    createRateLimitOptions(): Promise<RateLimitModuleOptions> {
      return Promise.resolve({ limits: [minute(this.settings.limit)] })
    }
  }
  @Module({ imports: [SettingsModule], providers: [Factory], exports: [Factory] })
  class FactoryModule {}

  test.each<[string, RateLimitAsyncOptions]>([
    [
      'useFactory',
      {
        imports: [SettingsModule],
        inject: [Settings],
        useFactory: async ({ limit }: Settings) => Promise.resolve({ limits: [minute(limit)] }),
      },
    ],
    ['useClass', { imports: [SettingsModule], useClass: Factory }],
    ['useExisting', { imports: [FactoryModule], useExisting: Factory }],
  ])('%s', async (_form, options) => {
    const { get } = await appOf(undefined, { imports: [RateLimitModule.forRootAsync(options)], providers: [GUARD], controllers: [Plain] })
    expect(await get('/')).toMatchObject({ status: 200, policy: '"minute";q=3;w=60', left: [2] })
  })

  test('takes exactly one of them', () => {
    const useFactory = () => ({})
    expect(() => RateLimitModule.forRootAsync({})).toThrow(expect.objectContaining({ code: 'ERR_OPTION_CONFLICT' }))
    expect(() => RateLimitModule.forRootAsync({ useFactory, useClass: Factory })).toThrow(/got useFactory and useClass/)
    expect(() => RateLimitModule.forRootAsync({ useFactroy: useFactory } as object)).toThrow(/useFactory/)
  })
})

test('forRoot without options limits 100 a minute and address', async () => {
  const { get } = await appOf({}, { controllers: [Plain] })
  expect(await get('/')).toMatchObject({ policy: '"default";q=100;w=60', left: [99] })
})

describe('a mistake is told', () => {
  test.each<[string, () => unknown, string]>([
    ['a quantity', () => RateLimit({ limit: 0, window: '1m' }), 'ERR_OPTION_INVALID'],
    ['a window', () => RateLimit({ limit: 1, window: '1 m' as '1m' }), 'ERR_OPTION_INVALID'],
    ["a peer's option", () => RateLimit({ limit: 1, ttl: 60_000 } as object), 'ERR_OPTION_UNKNOWN'],
    ["a peer's option of a limit", () => RateLimit({ default: { limit: 1, ttl: 60_000 } } as object), 'ERR_OPTION_UNKNOWN'],
    ['a number of a limit', () => RateLimit({ short: { limit: -1 } }), 'ERR_OPTION_INVALID'],
    ['limits beside limit', () => RateLimit({ limit: 1, limits: [minute(1)] }), 'ERR_OPTION_CONFLICT'],
    ['a key without a limit', () => RateLimit({ key: () => 'all' }), 'ERR_OPTION_CONFLICT'],
    ['a list that holds no limits', () => RateLimit({ limits: [{} as never] }), 'ERR_OPTION_INVALID'],
    ['nothing', () => RateLimit(undefined as never), 'ERR_OPTION_INVALID'],
    ['a cost', () => RateLimitCost(-1), 'ERR_OPTION_INVALID'],
    ['a cost by limit', () => RateLimitCost({ short: 1.5 }), 'ERR_OPTION_INVALID'],
    ['a skip', () => SkipRateLimit({ short: true } as never), 'ERR_OPTION_INVALID'],
  ])('when the class is defined: %s', (_what, decorate, code) => {
    expect(decorate).toThrow(expect.objectContaining({ code }))
  })

  const started = (options: RateLimitModuleOptions, decorator: MethodDecorator, name = 'find') => {
    class Users {
      @Get()
      find(): string {
        return 'found'
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Users.prototype, 'find')!
    decorator(Users.prototype, 'find', descriptor)
    Object.defineProperty(descriptor.value, 'name', { value: name })
    Controller()(Users)
    return NestFactory.createApplicationContext(moduleOf({ imports: [RateLimitModule.forRoot(options)], controllers: [Users] }), {
      logger: false,
      abortOnError: false,
    })
  }
  test.each<[string, MethodDecorator, string, RegExp, string?]>([
    ['a limit that is not there', RateLimit({ shrot: { limit: 1 } }), 'ERR_OPTION_INVALID', /minute, got the string "shrot"/],
    ['a policy that is not there', RateLimit('logni'), 'ERR_OPTION_INVALID', /login, got the string "logni"/],
    ['a skipped limit that is not there', SkipRateLimit('mintue'), 'ERR_OPTION_INVALID', /Users.find: expected limits among minute/],
    ['a name that headers cannot have', RateLimit({ limit: 1 }), 'ERR_NAME_INVALID', /Users.\$find/, '$find'],
    ['the name of a policy', RateLimit({ limit: 1, name: 'login' }), 'ERR_NAME_TAKEN', /Users.find/],
    ['a status', RateLimit({ limit: 1, statusCode: 200 }), 'ERR_OPTION_INVALID', /statusCode/],
  ])('when the app starts: %s', async (_what, decorator, code, message, name) => {
    const failed = started({ limits: [minute(9)], policies: { login: { limit: 5 } } }, decorator, name)
    await expect(failed).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string })
  })
  test.each<[string, object, string]>([
    ["a peer's option", { throttlers: [] }, 'ERR_OPTION_UNKNOWN'],
    ["a peer's list", [{ limit: 1, ttl: 60_000 }], 'ERR_OPTION_INVALID'],
    ['policies', { policies: 'login' }, 'ERR_OPTION_INVALID'],
    ['a policy', { policies: { login: { limit: 0 } } }, 'ERR_OPTION_INVALID'],
    ['the name of a policy', { policies: { 'log in': { limit: 1 } } }, 'ERR_NAME_INVALID'],
    ['exception', { exception: 'Slow down.' }, 'ERR_OPTION_INVALID'],
    ['handler', { handler: 'Slow down.' }, 'ERR_OPTION_INVALID'],
    ['graphql', { graphql: 'operation' }, 'ERR_OPTION_INVALID'],
  ])('when the app is created: %s', async (_what, options, code) => {
    await expect(started(options, SkipRateLimit())).rejects.toMatchObject({ code })
  })

  test('trap: two classes of one name would share a counter: the second is refused until it has a name', async () => {
    const version = (name?: string) => {
      @Controller(name ?? 'v1')
      class Users {
        @Get()
        @RateLimit({ limit: 3, window: '1m', name })
        find(): string {
          return 'found'
        }
      }
      return Users
    }
    const first = version()
    const failed = appOf({}, { controllers: [first, version(undefined)] })
    await expect(failed).rejects.toMatchObject({ code: 'ERR_NAME_TAKEN' })
    const { get } = await appOf({}, { controllers: [first, version('v2')] })
    expect((await get('/v1')).left).toEqual([99, 2])
    expect(await get('/v2')).toMatchObject({ left: [98, 2], policy: expect.stringContaining('"v2";q=3') as string })
  })
  test.each([
    ['ttl', 'window'],
    ['getTracker', 'key'],
    ['skipIf', 'skip'],
    ['ignoreUserAgents', 'skip'],
    ['errorMessage', 'message'],
    ['setHeaders', 'standard and legacy'],
    ['storage', 'store'],
    ['ipv6SubnetPrefix', 'ipv6Prefix'],
  ])('%s of @nestjs/throttler: use %s', async (theirs, ours) => {
    const message = expect.stringContaining(`"${theirs}" is not an option; use ${ours} (`) as string
    await expect(started({ [theirs]: 1 }, SkipRateLimit())).rejects.toMatchObject({ code: 'ERR_OPTION_UNKNOWN', message })
  })
  test('two limits of one method want a list, or a name', () => {
    @Controller()
    class Twice {
      @Get()
      @RateLimit({ limit: 3, window: '1m' })
      @RateLimit({ limit: 30, window: '1h' })
      twice(): string {
        return 'twice'
      }
    }
    return expect(appOf({}, { controllers: [Twice] })).rejects.toMatchObject({ code: 'ERR_NAME_DUPLICATE' })
  })
})

describe('unknown routes', () => {
  test('trap: 404s: Nest runs no guard where it has no route', async () => {
    const { get } = await appOf({ limits: [minute(1)] }, { controllers: [Plain] })
    for (const _ of [1, 2]) expect(await get('/nowhere')).toMatchObject({ status: 404, policy: null })
  })
  test('a last controller for everything makes them routes', async () => {
    @Controller()
    class Unknown {
      @All('*path')
      missing(): never {
        throw new NotFoundException()
      }
    }
    const { get } = await appOf({ limits: [minute(2)] }, { controllers: [Plain, Unknown] })
    expect([(await get('/')).status, (await get('/nowhere')).status, (await get('/nowhere')).status]).toEqual([200, 404, 429])
  })
})

describe('a refusal', () => {
  const refused = async (options: RateLimitModuleOptions, prepare?: Parameters<typeof appOf>[2]) => {
    const { get } = await appOf({ limits: [minute(1)], ...options }, { controllers: [Plain] }, prepare)
    await get('/')
    return get('/')
  }
  test('is an exception of yours, made of the decision', async () => {
    const exception: RateLimitModuleOptions['exception'] = async (context, { decision }) => {
      await Promise.resolve()
      return new ForbiddenException(`${context.getHandler().name}: ${decision?.binding?.name} ${(decision?.retryAfter ?? 0) > 0}`)
    }
    const answer = await refused({ exception })
    expect(answer).toMatchObject({ status: 403, text: expect.stringContaining('plain: minute true') as string })
    expect(answer.headers.get('retry-after')).not.toBeNull()
    expect(answer.headers.get('content-type')).toContain('application/json')
  })
  test('is as without it where that makes none', async () => {
    const answer = await refused({ exception: () => undefined })
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
  })
  test('comes to your own filters as an HttpException, with nothing written', async () => {
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
    const detail = expect.stringMatching(/^Limit "minute" allows 1 request per 60 seconds. Retry in \d+ seconds?.$/) as string
    expect(seen).toEqual([true, 429, 'refused', expect.objectContaining({ status: 429, detail }), detail])
  })
})

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
  test('is a guard with a limiter: a second decision beside the module’s, which alone obeys @RateLimit', async () => {
    const { get } = await appOf({ store: memoryStore() }, { controllers: [Login] })
    expect((await get('/login')).policy).toBe('"default";q=100;w=60, "Login.login";q=9;w=3600, "login.minute";q=1;w=60')
    expect((await get('/login')).status).toBe(429)
    await login.limiter.reset('127.0.0.1')
    expect((await get('/login')).status).toBe(200)
  })
  test('binds to the whole app as it is, and obeys @SkipRateLimit()', async () => {
    await login.limiter.reset('127.0.0.1')
    const { get } = await appOf(undefined, { controllers: [Plain, Login] }, (app) =>
      app.useGlobalGuards(rateLimit({ limits: [minute(1)] })),
    )
    expect((await get('/free')).policy).toBeNull()
    expect([(await get('/')).status, (await get('/')).status]).toEqual([200, 429])
  })
})

describe('what the handler did', () => {
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

  test('settles by the value that was returned', async () => {
    const { get, app: nest } = await app({ cost: () => 10, settle: (_, { value }) => (value as { rows: number }).rows })
    const limiter = nest.get(RateLimiter)
    expect((await get('/rows')).left).toEqual([10])
    await vi.waitUntil(async () => (await limiter.peek('127.0.0.1', { cost: 0 })).remaining === 17)
  })
  test('refunds by the error that was thrown, or by the status', async () => {
    const { get, app: nest } = await app({ refundWhen: (_, { status, error }) => error instanceof NotFoundException || status === 500 })
    const limiter = nest.get(RateLimiter)
    const left = async () => (await limiter.peek('127.0.0.1', { cost: 0 })).remaining
    expect((await get('/miss')).status).toBe(404)
    await vi.waitUntil(async () => (await left()) === 20)
    expect((await get('/boom')).status).toBe(500)
    await vi.waitUntil(async () => (await left()) === 20)
    await get('/rows')
    expect(await left()).toBe(19)
  })
})
