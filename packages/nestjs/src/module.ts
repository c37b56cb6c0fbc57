import {
  type DynamicModule,
  Inject,
  type InjectionToken,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OptionalFactoryDependency,
  type Provider,
  type Type,
} from '@nestjs/common'
import { APP_FILTER, DiscoveryModule, DiscoveryService, MetadataScanner } from '@nestjs/core'
import { type MaybePromise, SluiceError } from '@sluice/core'
import { knownOptions } from '@sluice/core/adapter-kit'
import { RateLimitFilter } from './filter.ts'
import { RateLimitGuard } from './guard.ts'
import { RateLimitInterceptor } from './interceptor.ts'
import { isDecorated, metadataOf } from './metadata.ts'
import type { RateLimitModuleOptions, RateLimitOptionsFactory } from './options.ts'
import { RateLimiter } from './rate-limiter.ts'
import { Routes } from './routes.ts'

/** Options that need other providers: exactly one of `useFactory`, `useClass` and `useExisting`. */
export interface RateLimitAsyncOptions {
  readonly imports?: DynamicModule['imports']
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[] | undefined
  readonly useFactory?: ((...injected: any[]) => MaybePromise<RateLimitModuleOptions>) | undefined
  readonly useClass?: Type<RateLimitOptionsFactory> | undefined
  readonly useExisting?: InjectionToken<RateLimitOptionsFactory> | undefined
}

const OPTIONS = Symbol.for('sluice.nestjs.options')
const FACTORY = Symbol.for('sluice.nestjs.factory')
const FORMS = ['useFactory', 'useClass', 'useExisting'] as const

/** One limiter for the application. It limits nothing by itself: bind RateLimitGuard with APP_GUARD. */
export class RateLimitModule implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly routes: Routes
  private readonly discovery: DiscoveryService

  constructor(routes: Routes, discovery: DiscoveryService) {
    this.routes = routes
    this.discovery = discovery
  }

  /** @throws when the application is created, what the options of a limiter throw */
  static forRoot(options: RateLimitModuleOptions = {}): DynamicModule {
    return moduleOf([{ provide: OPTIONS, useValue: options }])
  }

  /** @throws ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT */
  static forRootAsync(options: RateLimitAsyncOptions): DynamicModule {
    knownOptions('forRootAsync', options, ['imports', 'inject', ...FORMS])
    const { imports = [], inject = [], useFactory, useClass, useExisting } = options
    const given = FORMS.filter((form) => options[form] !== undefined)
    if (given.length !== 1)
      throw new SluiceError(
        'ERR_OPTION_CONFLICT',
        `forRootAsync: expected one of ${FORMS.join(', ')}, got ${given.join(' and ') || 'none'}`,
      )
    if (useFactory !== undefined) return moduleOf([{ provide: OPTIONS, useFactory, inject: [...inject] }], imports)
    const made = { provide: OPTIONS, useFactory: (factory: RateLimitOptionsFactory) => factory.createRateLimitOptions() }
    if (useClass !== undefined)
      return moduleOf(
        [
          { provide: FACTORY, useClass },
          { ...made, inject: [FACTORY] },
        ],
        imports,
      )
    return moduleOf([{ ...made, inject: [useExisting as InjectionToken] }], imports)
  }

  /** Decorators that do not fit the module are told when the application starts, not by the first request. */
  onApplicationBootstrap(): void {
    const scanner = new MetadataScanner()
    for (const { metatype } of [...this.discovery.getControllers(), ...this.discovery.getProviders()]) {
      const prototype = metatype?.prototype as Readonly<Record<string, unknown>> | undefined
      if (typeof prototype !== 'object' || prototype === null) continue
      for (const name of scanner.getAllMethodNames(prototype)) {
        const method = prototype[name]
        if (typeof method === 'function' && (isDecorated(metadataOf(method)) || isDecorated(metadataOf(metatype as Type)))) {
          this.routes.pipelineOf(metatype as Type, method)
        }
      }
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.routes.limiter.close()
  }
}
Module({})(RateLimitModule)
Inject(Routes)(RateLimitModule, undefined, 0)
Inject(DiscoveryService)(RateLimitModule, undefined, 1)

function moduleOf(options: Provider[], imports: DynamicModule['imports'] = []): DynamicModule {
  return {
    module: RateLimitModule,
    global: true,
    imports: [DiscoveryModule, ...imports],
    providers: [
      ...options,
      { provide: Routes, useFactory: (given: RateLimitModuleOptions) => new Routes(given), inject: [OPTIONS] },
      { provide: RateLimiter, useFactory: ({ limiter }: Routes) => limiter, inject: [Routes] },
      RateLimitGuard,
      RateLimitInterceptor,
      { provide: APP_FILTER, useClass: RateLimitFilter },
    ],
    exports: [Routes, RateLimiter, RateLimitGuard, RateLimitInterceptor],
  }
}
