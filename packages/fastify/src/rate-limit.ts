import type { Decision } from '@sluice/core'
import { invalid } from '@sluice/core/adapter-kit'
import type { FastifyContextConfig, FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import { type FastifyLimitOptions, type FastifyRateLimit, hookOf, type Stage, STAGES, stageOf } from './hook.ts'
import { nameOf, over } from './route-options.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The decision of the limiter that decided last; `undefined` when all of them skipped. */
    rateLimit: Decision | undefined
  }
  interface FastifyContextConfig {
    /** `false`: not limited. `true`: limited, under `global: false` too. Options: these over the plugin's. */
    rateLimit?: boolean | FastifyLimitOptions | undefined
  }
  interface FastifyInstance {
    /** Without options the plugin's own hook; else one with these options over the plugin's. */
    rateLimit(options?: FastifyLimitOptions): FastifyRateLimit
  }
}

export interface FastifyOptions extends FastifyLimitOptions {
  /** Whether routes are limited that do not say `config.rateLimit`, and requests that match none; default true. */
  readonly global?: boolean | undefined
}

interface Plan {
  readonly stage: Stage
  readonly hook: FastifyRateLimit
}

type RouteLimit = FastifyContextConfig['rateLimit'] | null

/** The decorators of this package, to know them from those of another. */
const decorators = new WeakSet<object>()

/**
 * Fastify plugin: `app.register(rateLimit)` limits each client address to 100 requests a minute, on every route of the context that
 * it is registered in. `request.rateLimit` holds the decision; what could not be decided goes to the error handler.
 * @throws a SluiceError for each option that makes no sense, saying what was expected and what came; through `app.ready()`
 */
export const rateLimit: FastifyPluginAsync<FastifyOptions> = Object.assign(
  (app: FastifyInstance, options: FastifyOptions): Promise<void> => {
    if (typeof app?.addHook !== 'function') throw invalid('rateLimit', 'a Fastify instance, as in app.register(rateLimit, options)', app)
    return register(app, options)
  },
  {
    // As fastify-plugin does it: the hooks are those of the context that registers it.
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: '@sluice/fastify',
    [Symbol.for('plugin-meta')]: { name: '@sluice/fastify', fastify: '5.x' },
  },
)

async function register(app: FastifyInstance, { global = true, ...options }: FastifyOptions): Promise<void> {
  if (typeof global !== 'boolean') throw invalid('global', 'true or false', global)
  const own = planOf(options)
  const { limiter } = own.hook
  /** Those that a plan is decided in, and the first, where the plan of a route that was there before this plugin is made. */
  const stages = new Set<Stage>(['onRequest', own.stage])

  const decorator = (given?: FastifyLimitOptions): FastifyRateLimit =>
    given === undefined ? own.hook : hookOf(over(options, limiter, given, undefined))
  const held = Object.getOwnPropertyDescriptor(app, 'rateLimit')?.value as object | undefined
  if (held === undefined || !decorators.has(held)) app.decorate('rateLimit', decorator)
  decorators.add(decorator)
  if (!app.hasRequestDecorator('rateLimit')) app.decorateRequest('rateLimit', undefined)

  // By the options object and the path, so that a route and its HEAD share a quota, and two routes with one object do not.
  const made = new WeakMap<object, Map<string, Plan>>()
  const planOfRoute = (
    limit: RouteLimit,
    { url, method }: { url?: string | undefined; method?: string | readonly string[] | undefined },
  ): Plan | undefined => {
    if (limit === undefined || limit === null) return global ? own : undefined
    if (typeof limit === 'boolean') return limit ? own : undefined
    if (typeof limit !== 'object') throw invalid('config.rateLimit', 'true, false or options', limit)
    const plans = made.get(limit) ?? new Map<string, Plan>()
    made.set(limit, plans)
    const path = nameOf(url, [])
    const plan = plans.get(path) ?? planOf(over(options, limiter, limit, nameOf(url, method)))
    plans.set(path, plan)
    stages.add(plan.stage)
    return plan
  }

  // A context may have limiters of its own: a route with options gets one, from the nearest registration.
  const isNearest = (instance: FastifyInstance): boolean => instance.rateLimit === decorator
  app.addHook('onRoute', function (route) {
    if (isNearest(this)) planOfRoute(route.config?.rateLimit, route)
  })

  const known = new WeakMap<object, Plan | 'none'>()
  const planFor = ({ routeOptions, server }: FastifyRequest): Plan | undefined => {
    const { config, url, method } = routeOptions
    let plan = known.get(config)
    if (plan === undefined) {
      const limit: RouteLimit = config.rateLimit
      const elsewhere = typeof limit === 'object' && limit !== null && !isNearest(server)
      plan = (elsewhere ? undefined : planOfRoute(limit, { url, method })) ?? 'none'
      known.set(config, plan)
    }
    return plan === 'none' ? undefined : plan
  }
  for (const stage of STAGES) {
    app.addHook(stage as 'onRequest', (request, reply, done) => {
      // Fastify makes the options of a route anew each time that they are asked for: not for a stage that no plan has.
      const plan = stages.has(stage) ? planFor(request) : undefined
      if (plan?.stage === stage) plan.hook(request, reply, done)
      else done()
    })
  }
}

function planOf(options: FastifyLimitOptions): Plan {
  return { hook: hookOf(options), stage: stageOf(options) }
}
