import { Controller, Get, Inject, Injectable, Module, UseGuards } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { describe, expect, test } from 'vitest'
import {
  fixedWindow,
  RateLimit,
  type RateLimitAsyncOptions,
  RateLimitGuard,
  RateLimitModule,
  type RateLimitModuleOptions,
  type RateLimitOptionsFactory,
} from '../src/index.ts'
import { appOf, GUARD, moduleOf } from './app.ts'

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

  test('takes exactly one of the three forms', () => {
    const useFactory = () => ({})
    expect(() => RateLimitModule.forRootAsync({})).toThrow(expect.objectContaining({ code: 'ERR_OPTION_CONFLICT' }))
    expect(() => RateLimitModule.forRootAsync({ useFactory, useClass: Factory })).toThrow(/got useFactory and useClass/)
    expect(() => RateLimitModule.forRootAsync({ useFactroy: useFactory } as object)).toThrow(/useFactory/)
  })
})

test('F07: a guard that is bound twice decides a call once', async () => {
  @Controller()
  @UseGuards(RateLimitGuard)
  class Guarded {
    @Get()
    @UseGuards(RateLimitGuard)
    plain(): string {
      return 'plain'
    }
    @Get('/own')
    @RateLimit({ limits: [minute(2)] })
    @UseGuards(RateLimitGuard)
    own(): string {
      return 'own'
    }
  }
  const inner = moduleOf({ providers: [GUARD] })
  const { get } = await appOf(
    { limits: [fixedWindow({ name: 'hour', limit: 4, window: '1h' })] },
    { imports: [inner], controllers: [Guarded] },
  )
  expect((await get('/')).left).toEqual([3])
  expect((await get('/own')).left).toEqual([2, 1])
  expect((await get('/own')).left).toEqual([1, 0])
  expect(await get('/own')).toMatchObject({ status: 429, left: [1, 0] })
  expect((await get('/')).left).toEqual([0])
  expect((await get('/')).status).toBe(429)
})

test('forRoot without options allows 100 requests a minute per address', async () => {
  const { get } = await appOf({}, { controllers: [Plain] })
  expect(await get('/')).toMatchObject({ policy: '"default";q=100;w=60', left: [99] })
})

describe('an invalid option is refused when the application is created', () => {
  const created = (options: object) =>
    NestFactory.createApplicationContext(moduleOf({ imports: [RateLimitModule.forRoot(options)] }), { logger: false, abortOnError: false })

  test.each<[string, object, string]>([
    ["a peer's option", { throttlers: [] }, 'ERR_OPTION_UNKNOWN'],
    ["a peer's list", [{ limit: 1, ttl: 60_000 }], 'ERR_OPTION_INVALID'],
    ['policies', { policies: 'login' }, 'ERR_OPTION_INVALID'],
    ['a policy', { policies: { login: { limit: -1 } } }, 'ERR_OPTION_INVALID'],
    ['the name of a policy', { policies: { 'log in': { limit: 1 } } }, 'ERR_NAME_INVALID'],
    ['exception', { exception: 'Slow down.' }, 'ERR_OPTION_INVALID'],
    ['handler', { handler: 'Slow down.' }, 'ERR_OPTION_INVALID'],
    ['graphql', { graphql: 'operation' }, 'ERR_OPTION_INVALID'],
  ])('%s', async (_what, options, code) => {
    await expect(created(options)).rejects.toMatchObject({ code })
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
    await expect(created({ [theirs]: 1 })).rejects.toMatchObject({ code: 'ERR_OPTION_UNKNOWN', message })
  })
})
