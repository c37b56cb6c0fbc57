import { type Cost, type Limit, type MaybePromise, type Outcome, type Subject } from '@sluice/core'
import { isPromise, mapAll } from '@sluice/core/adapter-kit'
import type { Asked } from '../compile/asked.ts'
import type { Choice, Chosen } from '../compile/select.ts'
import type { CostSpec } from '../document.ts'
import type { Viewed } from './viewed.ts'

/** What is asked for one decision. */
export interface Plan {
  readonly subject: Subject<string>
  readonly cost: Cost<string> | undefined
}

/** @param cost for the limits whose units the document does not say. @param isPlain whether it says of no limit that it takes others than one */
export function planOf(
  choices: readonly Choice<Viewed>[],
  asked: Asked<Viewed>,
  cost: Cost<string> | undefined,
  isPlain: boolean,
): MaybePromise<Plan> {
  const limits = limitsOf(choices)
  const subject = subjectsOf(limits)
  if (cost === undefined && isPlain) return { subject, cost: undefined }
  const units = mapAll(limits, ({ compiled }) => (hasCost(compiled.spec) ? compiled.cost(asked) : unitsIn(cost, compiled.rule.limit)))
  return isPromise(units) ? units.then((late) => ({ subject, cost: byName(limits, late) })) : { subject, cost: byName(limits, units) }
}

export function limitsOf(choices: readonly Choice<Viewed>[]): readonly Chosen<Viewed>[] {
  return choices.length === 1 ? (choices[0] as Choice<Viewed>).limits : choices.flatMap(({ limits }) => limits)
}

type Spec = Chosen<Viewed>['compiled']['spec']

/** Whether the document says how many units a request takes. */
export function hasCost(spec: Spec): spec is Spec & { readonly cost: CostSpec } {
  return 'cost' in spec && spec.cost !== undefined
}

/** As core has it: a number is the cost under every limit but `concurrency`, which takes 1. */
function unitsIn(cost: Cost<string> | undefined, { name, algorithm }: Limit): number {
  if (typeof cost !== 'object') return algorithm === 'concurrency' ? 1 : (cost ?? 1)
  return (Object.hasOwn(cost, name) ? cost[name] : undefined) ?? 1
}

/** One text where all limits have the same subject. */
export function subjectsOf(limits: readonly Chosen<Viewed>[]): Subject<string> {
  const first = limits[0]?.subject ?? ''
  if (limits.every(({ subject }) => subject === first)) return first
  return byName(
    limits,
    limits.map(({ subject }) => subject),
  )
}

function byName<T>(limits: readonly Chosen<Viewed>[], values: readonly T[]): Record<string, T> {
  const named: Record<string, T> = {}
  for (const [i, { limit }] of limits.entries()) named[limit.name] = values[i] as T
  return named
}

/** ms until the request would be admitted, where limits of 0 end at a known instant. `Infinity`: never, as far as the document says. */
export function retryAfterOf(limits: readonly Chosen<Viewed>[], outcomes: readonly (Outcome | undefined)[], now: number): number {
  let longest = 0
  for (const [i, { endsAt }] of limits.entries()) {
    const outcome = outcomes[i]
    if (outcome === undefined || outcome.allowed) continue
    const wait = outcome.retryAfter === Infinity && endsAt !== undefined ? Math.max(1, Math.ceil(endsAt - now)) : outcome.retryAfter
    longest = Math.max(longest, wait)
  }
  return longest
}
