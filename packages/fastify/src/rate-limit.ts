import type { Decision } from '@sluice/core'
import { invalid } from '@sluice/core/adapter-kit'
import type { FastifyContextConfig, FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import { type FastifyRateLimit, hookOf } from './hook.ts'
import { type FastifyLimitOptions, type Stage, STAGES, stageOf } from './options.ts'
import { limiterName, inheritOptions } from './route-options.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The decision of the limiter that decided last; `undefined` if every limiter skipped the request. */
    rateLimit: Decision | undefined
  }
  interface FastifyContextConfig {
    /** `false`: the route is not limited. `true`: it is limited, even with `global: false`. An object: options over those of the plugin. */
    rateLimit?: boolean | FastifyLimitOptions | undefined
  }
  interface FastifyInstance {
    /** A hook to add to routes: the plugin's own, or one with these options over those of the plugin. */
    rateLimit(options?: FastifyLimitOptions): FastifyRateLimit
  }
}

/** The options of the plugin. */
export interface FastifyOptions extends FastifyLimitOptions {
  /** True: also limits routes without `config.rateLimit`, and requests that match no route. Default: true. */
  readonly global?: boolean | undefined
}

/** A hook, and the stage in which it decides. */
interface StagedHook {
  readonly stage: Stage
  readonly hook: FastifyRateLimit
}

type RouteLimit = FastifyContextConfig['rateLimit'] | null

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

async function register(app: FastifyInstance, { global = true, ...options }: FastifyOptions): Promise<void> {
  if (typeof global !== 'boolean') throw invalid('global', 'true or false', global)
  const pluginHook = stagedHookOf(options)
  const { limiter } = pluginHook.hook
  /** The stages in which hooks run. Always with `onRequest`, where routes that were added before this plugin get their hooks. */
  const stages = new Set<Stage>(['onRequest', pluginHook.stage])

  const decorator = (given?: FastifyLimitOptions): FastifyRateLimit =>
    given === undefined ? pluginHook.hook : hookOf(inheritOptions(options, limiter, given, undefined))
  const present = Object.getOwnPropertyDescriptor(app, 'rateLimit')?.value as object | undefined
  if (present === undefined || !decorators.has(present)) app.decorate('rateLimit', decorator)
  decorators.add(decorator)
  if (!app.hasRequestDecorator('rateLimit')) app.decorateRequest('rateLimit', undefined)

  // By options object and path: a route and its HEAD route share a quota, but two routes with one object do not.
  const hooksByOptions = new WeakMap<object, Map<string, StagedHook>>()
  const hookOfRoute = (
    limit: RouteLimit,
    { url, method }: { url?: string | undefined; method?: string | readonly string[] | undefined },
  ): StagedHook | undefined => {
    if (limit === undefined || limit === null) return global ? pluginHook : undefined
    if (typeof limit === 'boolean') return limit ? pluginHook : undefined
    if (typeof limit !== 'object') throw invalid('config.rateLimit', 'true, false or options', limit)
    const hooks = hooksByOptions.get(limit) ?? new Map<string, StagedHook>()
    hooksByOptions.set(limit, hooks)
    const path = limiterName(url, [])
    const staged = hooks.get(path) ?? stagedHookOf(inheritOptions(options, limiter, limit, limiterName(url, method)))
    hooks.set(path, staged)
    stages.add(staged.stage)
    return staged
  }

  // Nested contexts may register the plugin again. A route with options belongs to the nearest registration.
  const isNearest = (instance: FastifyInstance): boolean => instance.rateLimit === decorator
  app.addHook('onRoute', function (route) {
    if (isNearest(this)) hookOfRoute(route.config?.rateLimit, route)
  })

  const hooksByConfig = new WeakMap<object, StagedHook | 'none'>()
  const hookFor = ({ routeOptions, server }: FastifyRequest): StagedHook | undefined => {
    const { config, url, method } = routeOptions
    let staged = hooksByConfig.get(config)
    if (staged === undefined) {
      const limit: RouteLimit = config.rateLimit
      const isOfOtherContext = typeof limit === 'object' && limit !== null && !isNearest(server)
      staged = (isOfOtherContext ? undefined : hookOfRoute(limit, { url, method })) ?? 'none'
      hooksByConfig.set(config, staged)
    }
    return staged === 'none' ? undefined : staged
  }
  for (const stage of STAGES) {
    app.addHook(stage as 'onRequest', (request, reply, done) => {
      // `routeOptions` is built anew on every access, so it is not read in a stage without a hook.
      const staged = stages.has(stage) ? hookFor(request) : undefined
      if (staged?.stage === stage) staged.hook(request, reply, done)
      else done()
    })
  }
}

function stagedHookOf(options: FastifyLimitOptions): StagedHook {
  return { hook: hookOf(options), stage: stageOf(options) }
}
