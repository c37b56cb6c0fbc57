import type { DynamicModule, InjectionToken, OptionalFactoryDependency, Provider, Type } from '@nestjs/common'
import { type MaybePromise, SluiceError } from '@sluice/core'
import { knownOptions } from '@sluice/core/adapter-kit'
import type { RateLimitModuleOptions, RateLimitOptionsFactory } from './options.ts'

/** Options of the module that need other providers: exactly one of `useFactory`, `useClass` and `useExisting`. */
export interface RateLimitAsyncOptions {
  /** The modules that export what the factory injects. Default none. */
  readonly imports?: DynamicModule['imports']
  /** The arguments of `useFactory`, by their tokens. Default none. */
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[] | undefined
  /** Returns the options, or a promise of them. */
  readonly useFactory?: ((...injected: any[]) => MaybePromise<RateLimitModuleOptions>) | undefined
  /** A class with `createRateLimitOptions()`; the module creates an instance of its own. */
  readonly useClass?: Type<RateLimitOptionsFactory> | undefined
  /** The token of a provider with `createRateLimitOptions()`, exported by one of `imports`. */
  readonly useExisting?: InjectionToken<RateLimitOptionsFactory> | undefined
}

const FACTORY = Symbol.for('sluice.nestjs.factory')
const FORMS = ['useFactory', 'useClass', 'useExisting'] as const

/**
 * The providers that give the module's options to `token`.
 * @throws ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT
 */
export function asyncProviders(token: symbol, options: RateLimitAsyncOptions): Provider[] {
  knownOptions('forRootAsync', options, ['imports', 'inject', ...FORMS])
  const { inject = [], useFactory, useClass, useExisting } = options
  const given = FORMS.filter((form) => options[form] !== undefined)
  if (given.length !== 1)
    throw new SluiceError('ERR_OPTION_CONFLICT', `forRootAsync: expected one of ${FORMS.join(', ')}, got ${given.join(' and ') || 'none'}`)
  if (useFactory !== undefined) return [{ provide: token, useFactory, inject: [...inject] }]
  const create = (factory: RateLimitOptionsFactory) => factory.createRateLimitOptions()
  if (useExisting !== undefined) return [{ provide: token, useFactory: create, inject: [useExisting] }]
  return [
    { provide: FACTORY, useClass: useClass as Type<RateLimitOptionsFactory> },
    { provide: token, useFactory: create, inject: [FACTORY] },
  ]
}
