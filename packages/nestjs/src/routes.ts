import type { ExecutionContext, Type } from '@nestjs/common'
import { type Code, type MaybePromise, type RequestLimiter, SluiceError } from '@sluice/core'
import { createPipeline, innerLimiter, invalid, type Pipeline } from '@sluice/core/adapter-kit'
import { contextHost } from './context-host.ts'
import { type Rule, rulesOf } from './limit-rules.ts'
import { isDecorated, metadataOf, type RouteMetadata } from './metadata.ts'
import { type NestOptions, type RateLimitModuleOptions, type RateLimitResult, splitOptions } from './options.ts'
import { applyRouteLimits, type RouteLimits } from './route-limits.ts'
import { StateNames } from './state-names.ts'

export type RoutePipeline = Pipeline<ExecutionContext, RateLimitResult>
type Handler = Function

/** The token of `Routes`: Nest's own error names it where the module is missing. */
export const ROUTES = 'RateLimitModule.forRoot()'

/** One decorator's limits to add and to override, with the name of their state. */
interface NamedLimits extends Pick<RouteLimits, 'added' | 'overrides'> {
  readonly state: string
}

/** The pipeline of each handler: the limits of module, class and method as one decision. Built at the first call. */
export class Routes {
  readonly options: NestOptions
  readonly limiter: RequestLimiter<ExecutionContext>
  private readonly modulePipeline: RoutePipeline
  /** The store or the limiter that the application was given. */
  private readonly given: readonly { close?(): MaybePromise<void> }[]
  private readonly policies: ReadonlyMap<string, readonly Rule[]>
  private readonly names: StateNames
  /** `undefined` is a handler that is not limited. */
  private readonly pipelines = new WeakMap<Type, Map<Handler, RoutePipeline | undefined>>()
  private readonly obeysDecorators: boolean

  /** @param obeysDecorators false: only `@SkipRateLimit` has an effect, no other decorator */
  constructor(given: RateLimitModuleOptions, obeysDecorators = true) {
    this.obeysDecorators = obeysDecorators
    const { nest, core } = splitOptions(given)
    this.options = nest
    this.modulePipeline = createPipeline(contextHost, core)
    this.limiter = this.modulePipeline.limiter
    this.given = [core.limiter === undefined ? [] : innerLimiter(core.limiter), core.store ?? []].flat()
    this.policies = new Map(Object.entries(nest.policies ?? {}).map(([name, limits]) => [name, rulesOf(limits)]))
    this.names = new StateNames(this.policies)
    // Built once without a route, so that a bad policy is refused when the application is created.
    for (const [state, added] of this.policies)
      this.modulePipeline.extend((before) => applyRouteLimits(before, { added, overrides: {} }, state))
  }

  /** Reports a likely mistake in the set-up of the application. */
  warn(code: Code, message: string): void {
    this.modulePipeline.warn(code, message)
  }

  /** Ends the limiter that was made here, and what the application was given, unless that stays open. */
  async close(): Promise<void> {
    if (!this.given.includes(innerLimiter(this.limiter))) await this.limiter.close()
    if (this.options.close !== false) for (const each of this.given) await each.close?.()
  }

  /** `undefined`: the call is not limited. */
  of(context: ExecutionContext): RoutePipeline | undefined {
    return this.pipelineOf(context.getClass(), context.getHandler())
  }

  /** @throws ERR_OPTION_INVALID, ERR_NAME_INVALID, ERR_NAME_TAKEN, ERR_NAME_DUPLICATE for decorators that do not fit the module */
  pipelineOf(type: Type, handler: Handler): RoutePipeline | undefined {
    const ofType = this.pipelines.get(type) ?? new Map<Handler, RoutePipeline | undefined>()
    const found = ofType.get(handler)
    if (found !== undefined || ofType.has(handler)) return found
    const pipeline = this.build(type, handler)
    this.pipelines.set(type, ofType.set(handler, pipeline))
    return pipeline
  }

  private build(type: Type, handler: Handler): RoutePipeline | undefined {
    const ofClass = metadataOf(type)
    const ofMethod = metadataOf(handler)
    const skipped = ofMethod.skipped ?? ofClass.skipped ?? false
    if (skipped === true) return undefined
    if (!this.obeysDecorators || (!isDecorated(ofClass) && !isDecorated(ofMethod))) return this.modulePipeline
    const route = `${type.name}.${handler.name}`
    const steps = [...this.stepsOf(ofClass, type, type.name), ...this.stepsOf(ofMethod, type, route, handler.name)]
    const skippedNames = skipped === false ? new Set<string>() : skipped
    const known = new Set<string>()
    const change = (ofModule: readonly Rule[]): readonly Rule[] => {
      for (const { limit } of ofModule) known.add(limit.name)
      const kept = ofModule.filter(({ limit }) => !skippedNames.has(limit.name))
      return steps.reduce<readonly Rule[]>((rules, step) => applyRouteLimits(rules, step, step.state), kept)
    }
    const pipeline = this.modulePipeline.extend(change, optionsOf(ofClass, ofMethod))
    for (const name of skippedNames) requireLimit(name, known, `@SkipRateLimit on ${route}`)
    for (const { added, overrides, state } of steps) {
      for (const name of Object.keys(overrides)) requireLimit(name, known, `@OverrideRateLimit on ${route}`)
      // A decorator below may override a limit that this one adds.
      for (const { limit } of added) known.add(limit.name === 'default' ? state : limit.name)
    }
    return pipeline
  }

  /** @param route the `Class` or `Class.method` of the metadata */
  private stepsOf({ limits }: RouteMetadata, type: Type, route: string, method?: string): readonly NamedLimits[] {
    const unnamed = new Set<string>()
    return limits.map((each) => {
      if (each.added.some(({ limit }) => limit.name === 'default') && unnamed.size === unnamed.add(each.name ?? route).size) {
        throw new SluiceError(
          'ERR_NAME_DUPLICATE',
          `@RateLimit on ${route}: expected a name for the second { limit, window }, got none; put both into limits: [ … ], or add a name`,
        )
      }
      if (each.policy === undefined) return { ...each, state: this.names.claim(each, type, route, method) }
      const added = this.policies.get(each.policy)
      if (added === undefined)
        throw invalid(`@RateLimit on ${route}`, `the name of a policy: ${[...this.policies.keys()].join(', ') || '(none)'}`, each.policy)
      return { added, overrides: {}, state: each.policy }
    })
  }
}

/** The options of the decorators besides limits. Those of the method replace those of the class. */
function optionsOf(...decorated: readonly RouteMetadata[]): RouteLimits['options'] {
  const all = decorated.flatMap(({ limits, cost }) => [...limits.map(({ options }) => options), { cost }])
  const given = all.flatMap((options) => Object.entries(options)).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given)
}

function requireLimit(name: string, known: ReadonlySet<string>, decorator: string): void {
  if (!known.has(name)) throw invalid(decorator, `the name of a limit: ${[...known].join(', ')}`, name)
}
