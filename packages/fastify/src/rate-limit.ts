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

/** How one set of routes is limited: the hook, and the stage in which it decides. */
interface Plan {
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
  const pluginPlan = planOf(options)
  const { limiter } = pluginPlan.hook
  /** The stages in which plans decide. Always with `onRequest`, where routes that were added before this plugin get their plans. */
  const stages = new Set<Stage>(['onRequest', pluginPlan.stage])

  const decorator = (given?: FastifyLimitOptions): FastifyRateLimit =>
    given === undefined ? pluginPlan.hook : hookOf(inheritOptions(options, limiter, given, undefined))
  const present = Object.getOwnPropertyDescriptor(app, 'rateLimit')?.value as object | undefined
  if (present === undefined || !decorators.has(present)) app.decorate('rateLimit', decorator)
  decorators.add(decorator)
  if (!app.hasRequestDecorator('rateLimit')) app.decorateRequest('rateLimit', undefined)

  // By options object and path: a route and its HEAD route share a quota, but two routes with one object do not.
  const plansByOptions = new WeakMap<object, Map<string, Plan>>()
  const planOfRoute = (
    limit: RouteLimit,
    { url, method }: { url?: string | undefined; method?: string | readonly string[] | undefined },
  ): Plan | undefined => {
    if (limit === undefined || limit === null) return global ? pluginPlan : undefined
    if (typeof limit === 'boolean') return limit ? pluginPlan : undefined
    if (typeof limit !== 'object') throw invalid('config.rateLimit', 'true, false or options', limit)
    const plans = plansByOptions.get(limit) ?? new Map<string, Plan>()
    plansByOptions.set(limit, plans)
    const path = limiterName(url, [])
    const plan = plans.get(path) ?? planOf(inheritOptions(options, limiter, limit, limiterName(url, method)))
    plans.set(path, plan)
    stages.add(plan.stage)
    return plan
  }

  // Nested contexts may register the plugin again. A route with options belongs to the nearest registration.
  const isNearest = (instance: FastifyInstance): boolean => instance.rateLimit === decorator
  app.addHook('onRoute', function (route) {
    if (isNearest(this)) planOfRoute(route.config?.rateLimit, route)
  })

  const plansByConfig = new WeakMap<object, Plan | 'none'>()
  const planFor = ({ routeOptions, server }: FastifyRequest): Plan | undefined => {
    const { config, url, method } = routeOptions
    let plan = plansByConfig.get(config)
    if (plan === undefined) {
      const limit: RouteLimit = config.rateLimit
      const isOfOtherContext = typeof limit === 'object' && limit !== null && !isNearest(server)
      plan = (isOfOtherContext ? undefined : planOfRoute(limit, { url, method })) ?? 'none'
      plansByConfig.set(config, plan)
    }
    return plan === 'none' ? undefined : plan
  }
  for (const stage of STAGES) {
    app.addHook(stage as 'onRequest', (request, reply, done) => {
      // `routeOptions` is built anew on every access, so it is not read in a stage without a plan.
      const plan = stages.has(stage) ? planFor(request) : undefined
      if (plan?.stage === stage) plan.hook(request, reply, done)
      else done()
    })
  }
}

function planOf(options: FastifyLimitOptions): Plan {
  return { hook: hookOf(options), stage: stageOf(options) }
}
