import { createParamDecorator, type ExecutionContext } from '@nestjs/common'
import type { Cost, MaybePromise } from '@sluice/core'
import { invalid } from '@sluice/core/adapter-kit'
import { decisionOf } from './calls.ts'
import { type Layer, layerOf } from './layers.ts'
import type { LimitName, NumbersByName, PolicyName, RouteOptions } from './register.ts'

type Decorator = ClassDecorator & MethodDecorator

const LAYERS = Symbol.for('sluice.nestjs.layers')
const SKIPPED = Symbol.for('sluice.nestjs.skipped')
const COST = Symbol.for('sluice.nestjs.cost')

/**
 * Of a class or a method: limits of its own, added to the module's (`{ limit: 5, window: '1m' }`, `{ limits: […] }`, the
 * name of a policy), or limits of the module with other numbers (`{ short: { limit: 1 } }`). Several may stand together.
 * @throws when the class is defined, what the options of a limiter throw
 */
export function RateLimit(given: PolicyName | RouteOptions | NumbersByName): Decorator {
  const layer = layerOf(given)
  return marking(LAYERS, (before) => [layer, ...((before as Layer[] | undefined) ?? [])])
}

/** Not limited at all, or not by the module's limits of these names. On a method it takes the place of its class's; `false` undoes that. */
export function SkipRateLimit(...names: readonly [] | readonly [boolean] | readonly LimitName[]): Decorator {
  const given: readonly (boolean | string)[] = names
  const [first = true] = given
  const skipped = given.filter((name) => typeof name === 'string')
  if (typeof first === 'boolean' ? given.length > 1 : skipped.length < given.length)
    throw invalid('@SkipRateLimit', 'names of limits, or one boolean', names)
  return marking(SKIPPED, () => (typeof first === 'boolean' ? first : new Set(skipped)))
}

/** Units that a call takes: a number for every limit but concurrency, a record by limit, or a function of the call. A method's takes the place of its class's. */
export function RateLimitCost(
  cost: number | Readonly<Partial<Record<LimitName, number>>> | ((context: ExecutionContext) => MaybePromise<Cost<string>>),
): Decorator {
  const units = typeof cost === 'object' && cost !== null ? Object.values(cost) : [cost]
  if (typeof cost !== 'function' && !units.every((each) => Number.isSafeInteger(each) && (each as number) >= 0))
    throw invalid('@RateLimitCost', 'a whole number, 0 or more, an object of them by limit, or a function', cost)
  return marking(COST, () => (typeof cost === 'function' ? cost : () => cost))
}

/** A parameter: the decision of the limiter that decided last on this call. */
export const RateLimitDecision: () => ParameterDecorator = createParamDecorator((_: unknown, context: ExecutionContext) =>
  decisionOf(context),
)

/** What the decorators of a class or a method say. */
export interface Marks {
  readonly layers: readonly Layer[]
  readonly skipped: boolean | ReadonlySet<string> | undefined
  readonly cost: Layer['over']['cost']
}

/** @param on a class, or the function of a method */
export function marksOf(on: Function): Marks {
  const read = (key: symbol): any => Reflect.getMetadata(key, on)
  return { layers: read(LAYERS) ?? [], skipped: read(SKIPPED), cost: read(COST) }
}

export function isMarked({ layers, skipped, cost }: Marks): boolean {
  return layers.length > 0 || skipped !== undefined || cost !== undefined
}

/** Leaves a mark where Nest's own decorators leave theirs: on the class, or on the function of the method. */
function marking(key: symbol, value: (before: unknown) => unknown): Decorator {
  return (target: object, _name?: string | symbol, descriptor?: TypedPropertyDescriptor<any>): void => {
    const on: object = (descriptor?.value as object | undefined) ?? target
    Reflect.defineMetadata(key, value(Reflect.getOwnMetadata(key, on)), on)
  }
}
