import { Controller, type ExecutionContext, Get, Injectable, Scope, UseGuards } from '@nestjs/common'
import { APP_GUARD, NestFactory } from '@nestjs/core'
import { describe, expect, test } from 'vitest'
import {
  OverrideRateLimit,
  rateLimit,
  RateLimit,
  RateLimitGuard,
  RateLimitModule,
  SkipRateLimit,
  SluiceError,
  type StoreEvent,
} from '../src/index.ts'
import { appOf, GUARD, moduleOf } from './app.ts'

@Injectable()
class OwnGuard extends RateLimitGuard {}

/** The warnings of an application that has a class with `@RateLimit` and what else is given. */
async function warningsOf(
  { controllers = [], providers = [], strict }: { controllers?: Function[]; providers?: unknown[]; strict?: boolean },
  prepare: Parameters<typeof appOf>[2] = () => undefined,
): Promise<readonly string[]> {
  const warnings: string[] = []
  const warning = (event: StoreEvent) => void ('message' in event && warnings.push(`${event.code}: ${event.message}`))
  const imports = [RateLimitModule.forRoot({ on: { warning }, strict })]
  await appOf(undefined, { imports, controllers: controllers as never, providers: providers as never }, prepare)
  return warnings
}

function decorated(...decorators: ClassDecorator[]): Function {
  @Controller()
  class Cats {
    @Get('a')
    @RateLimit({ limit: 5, window: '1m' })
    a(): void {}
    @Get('b')
    @OverrideRateLimit({ default: { limit: 5 } })
    b(): void {}
    @Get('c')
    @SkipRateLimit()
    c(): void {}
  }
  for (const decorator of decorators) decorator(Cats)
  return Cats
}

describe('newcomer 18: decorators that no guard reads', () => {
  test('are reported when the application starts', async () => {
    const message =
      'limiter "default": decorators of Cats.a, Cats.b have no effect, since RateLimitGuard is not bound there; bind it with { provide: APP_GUARD, useClass: RateLimitGuard }, or with @UseGuards(RateLimitGuard)'
    expect(await warningsOf({ controllers: [decorated()] })).toEqual([
      `WARN_GUARD_UNBOUND: ${new SluiceError('WARN_GUARD_UNBOUND', message).message}`,
    ])
  })
  test('fail the start with strict', async () => {
    await expect(warningsOf({ controllers: [decorated()], strict: true })).rejects.toMatchObject({ code: 'WARN_GUARD_UNBOUND' })
  })
  test('on a class: three methods are named, and the others counted', async () => {
    @RateLimit({ limit: 5, window: '1m' })
    class Many {}
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      Object.defineProperty(Many.prototype, name, { value: { [name]: () => name }[name] })
      Get(name)(Many.prototype, name, Object.getOwnPropertyDescriptor(Many.prototype, name)!)
    }
    Controller()(Many)
    const [warning] = await warningsOf({ controllers: [Many] })
    expect(warning).toContain('decorators of Many.a, Many.b, Many.c and 2 more have no effect')
  })
  test('a guard with a limiter of its own does not read them', async () => {
    expect(await warningsOf({ controllers: [decorated(UseGuards(rateLimit({ name: 'own' })))] })).toHaveLength(1)
  })

  test.each<[string, object, ((app: never) => void)?]>([
    ['APP_GUARD', { providers: [GUARD] }],
    ['APP_GUARD with a subclass', { providers: [{ provide: APP_GUARD, useClass: OwnGuard }] }],
    ['APP_GUARD with useExisting', { providers: [OwnGuard, { provide: APP_GUARD, useExisting: OwnGuard }] }],
    ['APP_GUARD of each request', { providers: [{ provide: APP_GUARD, useClass: RateLimitGuard, scope: Scope.REQUEST }] }],
    ['@UseGuards on the class', { controllers: [decorated(UseGuards(RateLimitGuard))] }],
    ['@UseGuards with a subclass', { controllers: [decorated(UseGuards(OwnGuard))], providers: [OwnGuard] }],
    [
      'useGlobalGuards',
      {},
      (app: { useGlobalGuards(guard: unknown): void; get(token: unknown): unknown }) => app.useGlobalGuards(app.get(RateLimitGuard)),
    ],
  ])('no warning with %s', async (_how, given, prepare) => {
    expect(await warningsOf({ controllers: [decorated()], ...given }, prepare as never)).toEqual([])
  })
  test('no warning without decorators, or with @SkipRateLimit() alone', async () => {
    @Controller()
    @SkipRateLimit()
    class Plain {
      @Get()
      plain(): void {}
    }
    expect(await warningsOf({ controllers: [Plain] })).toEqual([])
  })
  test('no warning where the method has the guard', async () => {
    @Controller()
    class Cats {
      @Get()
      @RateLimit({ limit: 5, window: '1m' })
      @UseGuards(RateLimitGuard)
      a(): void {}
    }
    expect(await warningsOf({ controllers: [Cats] })).toEqual([])
  })
})

describe('newcomer 18: a subclass of the guard with methods of @nestjs/throttler', () => {
  const started = (guard: Function) =>
    NestFactory.createApplicationContext(moduleOf({ imports: [RateLimitModule.forRoot()], providers: [guard as never] }), {
      logger: false,
      abortOnError: false,
    })

  test.each([
    ['getTracker', 'use the option key'],
    ['generateKey', 'use the option key, with route() among its parts'],
    ['shouldSkip', 'use the option skip'],
    ['handleRequest', 'use the options cost, skip and settle, or override canActivate()'],
    ['throwThrottlingException', 'use the option exception'],
    ['getErrorMessage', 'use the option message'],
    ['getRequestResponse', 'remove it, since the guard finds the request of every transport'],
  ])('%s: %s', async (method, advice) => {
    class ByUser extends RateLimitGuard {}
    Object.defineProperty(ByUser.prototype, method, { value: () => 'user' })
    Injectable()(ByUser)
    await expect(started(ByUser)).rejects.toMatchObject({
      code: 'ERR_OPTION_UNKNOWN',
      message: expect.stringContaining(`ByUser: ${method}() is never called; ${advice} (`) as string,
    })
  })
  test('may have such a method if it calls it itself', async () => {
    @Injectable()
    class ByUser extends RateLimitGuard {
      override canActivate(context: ExecutionContext): boolean | Promise<boolean> {
        return this.getTracker() === 'user' && super.canActivate(context)
      }
      getTracker(): string {
        return 'user'
      }
    }
    await expect(started(ByUser)).resolves.toBeDefined()
  })
})

test.each<[string, object]>([
  ['the guard without the module', { providers: [GUARD] }],
  ['the module without forRoot()', { imports: [RateLimitModule] }],
])('newcomer 18: the error names RateLimitModule.forRoot(): %s', async (_what, metadata) => {
  const created = NestFactory.createApplicationContext(moduleOf(metadata), { logger: false, abortOnError: false })
  await expect(created).rejects.toThrow(/argument "RateLimitModule\.forRoot\(\)" at index \[0\]/)
})
