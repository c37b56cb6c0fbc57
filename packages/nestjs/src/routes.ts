import type { ExecutionContext, Type } from '@nestjs/common'
import { type Limiter, type LimitRule, SluiceError } from '@sluice/core'
import { createPipeline, invalid, type Pipeline } from '@sluice/core/adapter-kit'
import { isMarked, type Marks, marksOf } from './decorators.ts'
import { host, socketHost } from './host.ts'
import { lay, type Layer, rulesOf } from './layers.ts'
import { type RateLimitModuleOptions, type RateLimitResult, splitOptions } from './options.ts'

export type RoutePipeline = Pipeline<ExecutionContext, RateLimitResult>
type Rule = LimitRule<string, ExecutionContext>
type Handler = Function

/** The pipeline of each handler: the module's limits, those of its class and its own, as one decision. Made at first sight. */
export class Routes {
  readonly own: ReturnType<typeof splitOptions>['own']
  readonly limiter: Limiter
  private readonly module: RoutePipeline
  private readonly policies: ReadonlyMap<string, readonly Rule[]>
  // `undefined` is a handler that is not limited.
  private readonly known = new WeakMap<Type, Map<Handler, RoutePipeline | undefined>>()
  /** Who has the name of a state. Two classes of one name would share counters without knowing it. */
  private readonly taken = new Map<string, Type>()

  private readonly undecorated: boolean

  constructor(options: RateLimitModuleOptions, undecorated?: 'undecorated') {
    this.undecorated = undecorated !== undefined
    const { own, ofCore } = splitOptions(options)
    this.own = own
    this.module = createPipeline(ofCore?.trustProxy === undefined ? host : socketHost, ofCore)
    this.limiter = this.module.limiter
    this.policies = new Map(Object.entries(own.policies ?? {}).map(([name, limits]) => [name, rulesOf(limits)]))
    // Laid once without a route, so that a bad policy is refused at the start.
    for (const [name, rules] of this.policies) this.module.extend((below) => lay(below, { rules, numbers: {} }, name))
  }

  /** `undefined`: skipped. */
  of(context: ExecutionContext): RoutePipeline | undefined {
    return this.pipelineOf(context.getClass(), context.getHandler())
  }

  /** @throws ERR_OPTION_INVALID, ERR_NAME_INVALID, ERR_NAME_TAKEN for decorators that do not fit the module */
  pipelineOf(type: Type, handler: Handler): RoutePipeline | undefined {
    const known = this.known.get(type) ?? new Map<Handler, RoutePipeline | undefined>()
    const found = known.get(handler)
    if (found !== undefined || known.has(handler)) return found
    const pipeline = this.compose(type, handler)
    this.known.set(type, known.set(handler, pipeline))
    return pipeline
  }

  private compose(type: Type, handler: Handler): RoutePipeline | undefined {
    const ofClass = marksOf(type)
    const ofMethod = marksOf(handler)
    const skipped = ofMethod.skipped ?? ofClass.skipped ?? false
    if (skipped === true) return undefined
    if (this.undecorated || (!isMarked(ofClass) && !isMarked(ofMethod))) return this.module
    const named = skipped === false ? new Set<string>() : skipped
    const layers = [...this.placed(ofClass, type, type.name), ...this.placed(ofMethod, type, `${type.name}.${handler.name}`)]
    const there = new Set<string>()
    const pipeline = this.module.extend(
      (below) => {
        for (const { limit } of below) there.add(limit.name)
        const kept = below.filter(({ limit }) => !named.has(limit.name))
        return layers.reduce<readonly Rule[]>((rules, { layer, name }) => lay(rules, layer, name), kept)
      },
      Object.assign({}, ...[...ofClass.layers, costOf(ofClass), ...ofMethod.layers, costOf(ofMethod)].map(({ over }) => defined(over))),
    )
    const where = `${type.name}.${handler.name}`
    for (const name of named) check(name, there, `@SkipRateLimit on ${where}`)
    // What a layer adds may be given other numbers by the ones above it.
    for (const { layer } of layers) {
      for (const name of Object.keys(layer.numbers)) check(name, there, `@RateLimit on ${where}`)
      for (const { limit } of layer.rules) there.add(limit.name)
    }
    return pipeline
  }

  /** The layers of a class or method, each with the name of its state. */
  private placed(
    { layers }: Marks,
    type: Type,
    own: string,
  ): { readonly layer: Pick<Layer, 'rules' | 'numbers'>; readonly name: string }[] {
    const named = new Set<string>()
    return layers.map((layer) => {
      if (layer.rules.some(({ limit }) => limit.name === 'default') && named.size === named.add(layer.name ?? own).size) {
        throw new SluiceError(
          'ERR_NAME_DUPLICATE',
          `@RateLimit on ${own}: expected a name for the second limit of this kind, got none; put both into limits: [ … ], or give one a name`,
        )
      }
      if (layer.policy === undefined) return { layer, name: this.claimed(layer, type, own) }
      const rules = this.policies.get(layer.policy)
      if (rules === undefined)
        throw invalid(`@RateLimit on ${own}`, `a policy among ${[...this.policies.keys()].join(', ') || '(none)'}`, layer.policy)
      return { layer: { rules, numbers: {} }, name: layer.policy }
    })
  }

  private claimed({ name = '', rules, numbers }: Layer, type: Type, own: string): string {
    if (rules.length === 0 && Object.keys(numbers).length === 0) return own
    const state = name || own
    const owner = this.taken.get(state) ?? type
    if (owner !== type || this.policies.has(state)) {
      throw new SluiceError(
        'ERR_NAME_TAKEN',
        `@RateLimit on ${own}: expected a name of its own, got "${state}", which another class or policy has; give it one: @RateLimit({ name: '…' })`,
      )
    }
    this.taken.set(state, type)
    return state
  }
}

function costOf({ cost }: Marks): { readonly over: Layer['over'] } {
  return { over: { cost } }
}

function defined(over: Layer['over']): Layer['over'] {
  return Object.fromEntries(Object.entries(over).filter(([, value]) => value !== undefined))
}

function check(name: string, there: ReadonlySet<string>, what: string): void {
  if (!there.has(name)) throw invalid(what, `limits among ${[...there].join(', ')}`, name)
}
