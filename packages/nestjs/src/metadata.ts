import type { RouteLimits } from './route-limits.ts'

const LIMITS = Symbol.for('sluice.nestjs.limits')
const SKIPPED = Symbol.for('sluice.nestjs.skipped')
const COST = Symbol.for('sluice.nestjs.cost')

export type RouteDecorator = ClassDecorator & MethodDecorator
export type CostFunction = RouteLimits['options']['cost']

/** The decorators of one class or one method. */
export interface RouteMetadata {
  /** In the order of the decorators, from the top down. */
  readonly limits: readonly RouteLimits[]
  /** True: no limit applies. A set: the limits of these names do not apply. `undefined`: not decorated. */
  readonly skipped: boolean | ReadonlySet<string> | undefined
  readonly cost: CostFunction
}

/** @param target a class, or the function of a method */
export function metadataOf(target: Function): RouteMetadata {
  const read = (key: symbol): any => Reflect.getMetadata(key, target)
  return { limits: read(LIMITS) ?? [], skipped: read(SKIPPED), cost: read(COST) }
}

export function isDecorated({ limits, skipped, cost }: RouteMetadata): boolean {
  return limits.length > 0 || skipped !== undefined || cost !== undefined
}

/** Decorators run from the bottom up, so each one comes before those that ran already. */
export function withLimits(limits: RouteLimits): RouteDecorator {
  return decorator(LIMITS, (present) => [limits, ...((present as RouteLimits[] | undefined) ?? [])])
}

export function withSkipped(skipped: boolean | ReadonlySet<string>): RouteDecorator {
  return decorator(SKIPPED, () => skipped)
}

export function withCost(cost: CostFunction): RouteDecorator {
  return decorator(COST, () => cost)
}

/** Stores the value where Nest's decorators store theirs: on the class, or on the function of the method. */
function decorator(key: symbol, value: (present: unknown) => unknown): RouteDecorator {
  return (target: object, _name?: string | symbol, descriptor?: TypedPropertyDescriptor<any>): void => {
    const holder: object = (descriptor?.value as object | undefined) ?? target
    Reflect.defineMetadata(key, value(Reflect.getOwnMetadata(key, holder)), holder)
  }
}
