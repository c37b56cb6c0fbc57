import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction, RouteOptions } from 'fastify'
import { type Stage, STAGES } from './options.ts'
import type { StagedHook } from './route-hooks.ts'
import type { RouteIdentity } from './route-options.ts'

/**
 * Adds the hooks that find the hook of each request, and run it in its stage.
 * @param own the hook of routes without options
 * @param stagedFor returns the hook of a route in a context of the app; `undefined` if the route is not limited
 */
export function addHooks(
  app: FastifyInstance,
  own: StagedHook,
  stagedFor: (context: FastifyInstance, config: RouteOptions['config'], route: RouteIdentity) => StagedHook | undefined,
): void {
  // A request does not know the constraints of its route, so the hook of a route is kept in its `config`. `none`: it stands on the route.
  const STAGED: unique symbol = Symbol('sluice.fastify.staged')
  app.addHook('onRoute', function (route) {
    const staged = stagedFor(this, route.config, route)
    if (staged === undefined || (staged === own && staged.stage === 'onRequest')) return
    const { stage } = staged
    Object.assign(route, { config: { ...route.config, [STAGED]: stage === 'onRequest' ? staged : 'none' } })
    // After the hooks of the app and of the route, which may set what a key reads.
    if (stage !== 'onRequest') Object.assign(route, { [stage]: [route[stage] ?? [], staged.hook].flat() })
  })

  /** The stages in which hooks of the app decide. Always with `onRequest`, where the hooks of other stages are found. */
  const stages = new Set<Stage>(['onRequest', own.stage])
  /** For 404s, and for routes that were declared before the plugin. */
  const byConfig = new WeakMap<object, StagedHook | 'none'>()
  const hookFor = ({ routeOptions, server }: FastifyRequest): StagedHook | undefined => {
    const config = routeOptions.config as FastifyContextConfig & { [STAGED]?: StagedHook | 'none' }
    let staged = config[STAGED] ?? byConfig.get(config)
    if (staged === undefined) {
      staged = stagedFor(server, config, routeOptions) ?? 'none'
      byConfig.set(config, staged)
      if (staged !== 'none') stages.add(staged.stage)
    }
    return staged === 'none' ? undefined : staged
  }
  const decidingIn =
    (stage: Stage) =>
    (request: FastifyRequest, reply: FastifyReply, third: unknown, fourth?: HookHandlerDoneFunction): void => {
      // A `preParsing` hook gets the payload before `done`.
      const done = fourth ?? (third as HookHandlerDoneFunction)
      // `routeOptions` is built anew on every access, so it is not read in a stage without a hook.
      const staged = stages.has(stage) ? hookFor(request) : undefined
      if (staged?.stage === stage) staged.hook(request, reply, done)
      else done()
    }
  for (const stage of STAGES) app.addHook(stage as 'onRequest', decidingIn(stage))
}
