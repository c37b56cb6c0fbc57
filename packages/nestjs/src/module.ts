import {
  type DynamicModule,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type Provider,
  type Type,
} from '@nestjs/common'
import { APP_FILTER, ApplicationConfig, DiscoveryModule, DiscoveryService, MetadataScanner } from '@nestjs/core'
import { asyncProviders, type RateLimitAsyncOptions } from './async-options.ts'
import { RateLimitFilter } from './filter.ts'
import { RateLimitGuard } from './guard.ts'
import { hasLimits, isGuarded, unguardedMessage } from './guard-binding.ts'
import { RateLimitInterceptor } from './interceptor.ts'
import { isDecorated, metadataOf } from './metadata.ts'
import type { RateLimitModuleOptions } from './options.ts'
import { RateLimiter } from './rate-limiter.ts'
import { ROUTES, Routes } from './routes.ts'

const OPTIONS = Symbol.for('sluice.nestjs.options')

/** One limiter for the application. The module does not limit by itself: bind RateLimitGuard with APP_GUARD. */
export class RateLimitModule implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly routes: Routes
  private readonly discovery: DiscoveryService
  private readonly config: ApplicationConfig

  constructor(routes: Routes, discovery: DiscoveryService, config: ApplicationConfig) {
    this.routes = routes
    this.discovery = discovery
    this.config = config
  }

  /**
   * Makes the module. Default: 100 requests a minute per client address, in memory. Creating the application throws a SluiceError for
   * an option that is unknown, invalid or in conflict with another.
   * @example
   * ```ts
   * import { Module } from '@nestjs/common'
   * import { APP_GUARD } from '@nestjs/core'
   * import { RateLimitGuard, RateLimitModule, slidingWindow } from '@sluice/nestjs'
   *
   * const limits = [slidingWindow({ name: 'short', limit: 10, window: '1s' }), slidingWindow({ name: 'long', limit: 300, window: '5m' })]
   *
   * @Module({
   *   imports: [RateLimitModule.forRoot({ limits })],
   *   providers: [{ provide: APP_GUARD, useClass: RateLimitGuard }],
   * })
   * export class AppModule {}
   * ```
   */
  static forRoot(options: RateLimitModuleOptions = {}): DynamicModule {
    return dynamicModule([{ provide: OPTIONS, useValue: options }])
  }

  /**
   * Makes the module with options from other providers.
   * @throws ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT
   * @example
   * ```ts
   * import { Module } from '@nestjs/common'
   * import { RateLimitModule } from '@sluice/nestjs'
   *
   * class Config {
   *   readonly perMinute = 100
   * }
   * @Module({ providers: [Config], exports: [Config] })
   * class ConfigModule {}
   *
   * @Module({
   *   imports: [
   *     RateLimitModule.forRootAsync({
   *       imports: [ConfigModule],
   *       inject: [Config],
   *       useFactory: ({ perMinute }: Config) => ({ limit: perMinute, window: '1m' }),
   *     }),
   *   ],
   * })
   * export class AppModule {}
   * ```
   */
  static forRootAsync(options: RateLimitAsyncOptions): DynamicModule {
    return dynamicModule(asyncProviders(OPTIONS, options), options.imports)
  }

  /**
   * Builds the pipeline of every decorated route, so that a wrong decorator fails the start of the application, not the first request.
   * Reports decorators that no guard reads.
   */
  onApplicationBootstrap(): void {
    const unguarded: string[] = []
    for (const [type, name, method] of this.methods()) {
      if (isDecorated(metadataOf(method)) || isDecorated(metadataOf(type))) this.routes.pipelineOf(type, method)
      if (hasLimits(method, type) && !isGuarded(method, type, this.config, this.routes)) unguarded.push(`${type.name}.${name}`)
    }
    if (unguarded.length > 0) this.routes.warn('WARN_GUARD_UNBOUND', unguardedMessage(unguarded))
  }

  private *methods(): Iterable<readonly [type: Type, name: string, method: Function]> {
    const scanner = new MetadataScanner()
    for (const { metatype } of [...this.discovery.getControllers(), ...this.discovery.getProviders()]) {
      const prototype = metatype?.prototype as Readonly<Record<string, unknown>> | undefined
      if (typeof prototype !== 'object' || prototype === null) continue
      for (const name of scanner.getAllMethodNames(prototype)) {
        const method = prototype[name]
        if (typeof method === 'function') yield [metatype as Type, name, method]
      }
    }
  }

  /** Nest calls it when its servers have ended the last request, or with `app.close()` of an application context. */
  async onApplicationShutdown(): Promise<void> {
    await this.routes.close()
  }
}
Module({})(RateLimitModule)
Inject(ROUTES)(RateLimitModule, undefined, 0)
Inject(DiscoveryService)(RateLimitModule, undefined, 1)
Inject(ApplicationConfig)(RateLimitModule, undefined, 2)

function dynamicModule(options: Provider[], imports: DynamicModule['imports'] = []): DynamicModule {
  return {
    module: RateLimitModule,
    global: true,
    imports: [DiscoveryModule, ...imports],
    providers: [
      ...options,
      { provide: ROUTES, useFactory: (given: RateLimitModuleOptions) => new Routes(given), inject: [OPTIONS] },
      { provide: RateLimiter, useFactory: ({ limiter }: Routes) => limiter, inject: [ROUTES] },
      RateLimitGuard,
      RateLimitInterceptor,
      { provide: APP_FILTER, useClass: RateLimitFilter },
    ],
    exports: [ROUTES, RateLimiter, RateLimitGuard, RateLimitInterceptor],
  }
}
