import type { Decision, Limiter, Store } from '@sluice/core'
import { innerLimiter, invalid } from '@sluice/core/adapter-kit'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { addHooks } from './app-hooks.ts'
import type { FastifyRateLimit } from './hook.ts'
import type { FastifyLimitOptions } from './options.ts'
import { RouteHooks, type RouteLimit } from './route-hooks.ts'

/** What the plugin adds to the app. */
export interface FastifyRateLimitDecorator {
  /** A hook to add to routes: the plugin's own, or one with these options over those of the plugin. */
  rateLimit(options?: FastifyLimitOptions): FastifyRateLimit
}

/** The key that the plugin reads in the `config` of a route. */
export interface FastifyRateLimitConfig {
  /** `false`: the route is not limited. `true`: it is limited, even with `global: false`. An object: options over those of the plugin. */
  rateLimit?: boolean | FastifyLimitOptions | undefined
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The decision of the limiter that decided last; `undefined` if every limiter skipped the request. */
    rateLimit: Decision | undefined
  }
  // Inherited, so that another plugin may declare members of the same names: its declarations then win.
  interface FastifyContextConfig extends FastifyRateLimitConfig {}
  interface FastifyInstance extends FastifyRateLimitDecorator {}
}

/** The options of the plugin. */
export interface FastifyOptions extends FastifyLimitOptions {
  /** True: also limits routes without `config.rateLimit`, and requests that match no route. Default: true. */
  readonly global?: boolean | undefined
  /** The name of `app.rateLimit` and `request.rateLimit`, for an app in which another plugin has that name. Default: `'rateLimit'`. */
  readonly decorator?: string | undefined
  /** The key in the `config` of a route that has its options. Default: `'rateLimit'`. */
  readonly configKey?: string | undefined
  /**
   * True: when `app.close()` has ended the last request, it closes the stores and limiters that the plugin and its routes were given.
   * False: they stay open, such as a store that several apps share. Default: true.
   */
  readonly close?: boolean | undefined
}

/** The `app.rateLimit` decorators of this package, to distinguish them from those of another plugin. */
const decorators = new WeakSet<object>()

/**
 * The Fastify plugin. Without options it admits 100 requests per minute and client address, counted in memory, on every route of
 * the context that it is registered in.
 *
 * The decision is on `request.rateLimit`. A request that could not be decided goes to the error handler.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT, ERR_NAME_*, ERR_LIMIT_INEXACT for invalid options; from `app.ready()`
 * @example
 * ```ts
 * import { rateLimit } from '@sluice/fastify'
 * import fastify from 'fastify'
 *
 * const app = fastify()
 * await app.register(rateLimit, { limit: 100, window: '1m' })
 * app.post('/login', { config: { rateLimit: { limit: 5, window: '15m' } } }, () => ({ ok: true }))
 * await app.listen({ port: 3000 })
 * ```
 */
export const rateLimit: FastifyPluginAsync<FastifyOptions> = Object.assign(
  (app: FastifyInstance, options: FastifyOptions): Promise<void> => {
    if (typeof app?.addHook !== 'function') throw invalid('rateLimit', 'a Fastify instance, as in app.register(rateLimit, options)', app)
    return register(app, options)
  },
  {
    // As fastify-plugin does it: the hooks belong to the context that registers the plugin.
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: '@sluice/fastify',
    [Symbol.for('plugin-meta')]: { name: '@sluice/fastify', fastify: '5.x' },
  },
)

async function register(app: FastifyInstance, given: FastifyOptions): Promise<void> {
  const { global = true, decorator: name = 'rateLimit', configKey = 'rateLimit', close = true, ...options } = given
  for (const [what, value] of Object.entries({ global, close })) if (typeof value !== 'boolean') throw invalid(what, 'true or false', value)
  for (const [what, value] of Object.entries({ decorator: name, configKey }))
    if (typeof value !== 'string' || value === '') throw invalid(what, 'a name', value)

  const limiters = new Set<Limiter>()
  const stores = new Set<Store>()
  const hooks = new RouteHooks({
    options,
    global,
    decorator: name,
    configKey,
    onMade({ limiter }, { limiter: shared, store }) {
      if (close || shared === undefined) limiters.add(innerLimiter(limiter))
      if (close && store !== undefined) stores.add(store)
    },
  })
  // Fastify runs it after the last request.
  app.addHook('onClose', async () => {
    for (const limiter of limiters) await limiter.close()
    for (const store of stores) await store.close?.()
  })

  const decorator = (own?: FastifyLimitOptions): FastifyRateLimit => hooks.decorated(own)
  const present = Object.getOwnPropertyDescriptor(app, name)?.value as object | undefined
  if (present === undefined || !decorators.has(present)) app.decorate(name, decorator)
  decorators.add(decorator)
  if (!app.hasRequestDecorator(name)) app.decorateRequest(name, undefined)

  // Nested contexts may register the plugin again. A route with options belongs to the nearest registration that reads its key.
  const nearest = Symbol.for(`sluice.fastify.${configKey}`)
  if (!Object.hasOwn(app, nearest)) Object.defineProperty(app, nearest, { value: decorator })
  addHooks(app, hooks.own, (instance, config, route) => {
    const limit = (config as Readonly<Record<string, RouteLimit>> | undefined)?.[configKey]
    const isOfOtherContext = typeof limit === 'object' && limit !== null && (instance as never)[nearest] !== decorator
    return isOfOtherContext ? undefined : hooks.of(limit, route)
  })
}
