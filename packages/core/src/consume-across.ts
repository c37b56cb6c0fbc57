import { cappedAt, unitsOfAll } from './algorithms/decide.ts'
import type { Charge, ConsumeOptions, Outcome, Store } from './store.ts'
import { chain, isPromise, mapAll, type MaybePromise } from './runtime.ts'

/** Charges that one store decides atomically, but not together with those of another group. */
export interface ChargeGroup {
  readonly store: Pick<Store, 'consume'>
  readonly charges: readonly Charge[]
}
type Outcomes = readonly (Outcome | undefined)[]

/** The charges of a decision that one partition of a store decides, and their indexes in that decision. */
export interface PartitionGroup {
  readonly partition: string
  readonly charges: readonly Charge[]
  readonly indexes: readonly number[]
}

/** Groups a decision's charges by partition, in the order in which the partitions appear. */
export function groupByPartition(charges: readonly Charge[], partitionOf: (charge: Charge) => string): readonly PartitionGroup[] {
  const groups = new Map<string, { partition: string; charges: Charge[]; indexes: number[] }>()
  for (const [i, charge] of charges.entries()) {
    const partition = partitionOf(charge)
    const group = groups.get(partition) ?? { partition, charges: [], indexes: [] }
    groups.set(partition, group)
    group.charges.push(charge)
    group.indexes.push(i)
  }
  return [...groups.values()]
}

/**
 * `consumeAcross` over the partitions of one store. `consume` decides in one partition. Returns the outcomes in the order of the
 * decision's charges.
 */
export function consumePartitions(
  groups: readonly PartitionGroup[],
  consume: (partition: string, charges: readonly Charge[], options: ConsumeOptions) => MaybePromise<Outcomes>,
  options: ConsumeOptions = {},
): MaybePromise<Outcomes> {
  const parts = groups.map(({ partition, charges }): ChargeGroup => {
    return { store: { consume: (some, how = {}) => consume(partition, some, how) }, charges }
  })
  return chain(consumeAcross(parts, options), (outcomes) => {
    const ordered: (Outcome | undefined)[] = []
    for (const [i, index] of groups.flatMap(({ indexes }) => indexes).entries()) ordered[index] = outcomes[i]
    return ordered
  })
}

/** The longest `retryAfter`, in ms, of a decision that lost a race: the other decision may give its units back at once. */
const MAX_HELD_RETRY = 50

/**
 * Makes one decision over groups that share no atomic step. It peeks at all groups, and charges them only if none refuses. If a
 * group then refuses or fails, it gives back what the others took. It never admits more than the limits, but until the units are
 * given back, another decision may be refused. Returns the outcomes in the order of the groups' charges.
 */
export function consumeAcross(groups: readonly ChargeGroup[], options: ConsumeOptions = {}): MaybePromise<Outcomes> {
  const [only, ...more] = groups
  if (only === undefined) return []
  if (more.length === 0) return only.store.consume(only.charges, options)
  if (options.how !== undefined && options.how !== 'charge')
    return chain(
      mapAll(groups, ({ store, charges }) => store.consume(charges, options)),
      (all) => (options.how === 'peek' && isInParts(options) ? withSameUnits(groups, all.flat()) : all.flat()),
    )
  return chain(
    mapAll(groups, ({ store, charges }) => store.consume(charges, { ...options, how: 'peek' })),
    (peeks) => {
      if (peeks.flat().some(isRefused)) return peeks.flat().map(uncharged)
      return isInParts(options) ? chargeSame(groups, options, peeks) : chargeAll(groups, options, peeks)
    },
  )
}

function isInParts({ atLeast = 0 }: ConsumeOptions): boolean {
  return atLeast >= 1
}

/** Charges all groups as many units as each of them has, or none. */
function chargeSame(groups: readonly ChargeGroup[], options: ConsumeOptions, peeks: readonly Outcomes[]): MaybePromise<Outcomes> {
  const units = unitsOfAll(
    groups.flatMap(({ charges }) => charges),
    peeks.flat(),
  )
  const capped = groups.map(({ store, charges }) => ({ store, charges: cappedAt(units, charges) }))
  return chargeAll(capped, { ...options, atLeast: undefined }, peeks)
}

/** The outcomes of a peek, as if one store had decided all groups. */
function withSameUnits(groups: readonly ChargeGroup[], outcomes: Outcomes): Outcomes {
  const charges = groups.flatMap((group) => group.charges)
  if (outcomes.some(isRefused)) return outcomes.map(uncharged)
  const units = unitsOfAll(charges, outcomes)
  return outcomes.map((outcome) => outcome && { ...outcome, granted: Math.min(outcome.granted, units) })
}

function chargeAll(groups: readonly ChargeGroup[], options: ConsumeOptions, peeks: readonly Outcomes[]): MaybePromise<Outcomes> {
  const attempts = mapAll(groups, ({ store, charges }) => attempt(() => store.consume(charges, options)))
  return chain(attempts, (results) => {
    const failure = results.find((result) => 'error' in result)
    const outcomes = results.map((result) => ('error' in result ? [] : result.value))
    if (failure === undefined && !outcomes.flat().some(isRefused)) return outcomes.flat()
    // Not repeated on a failure: too much stays taken, never too little.
    const back = mapAll(groups, ({ store, charges }, i) => {
      const giveBacks = giveBacksOf(charges, outcomes[i] ?? [])
      return attempt(() => (giveBacks.length > 0 ? store.consume(giveBacks) : []))
    })
    return chain(back, () => {
      if (failure !== undefined) throw failure.error
      return groups.flatMap((_, i) =>
        outcomes[i]?.some(isRefused) === true ? outcomes[i].map(heldIfRefused) : (peeks[i] ?? []).map(uncharged),
      )
    })
  })
}

function giveBacksOf(charges: readonly Charge[], outcomes: Outcomes): readonly Charge[] {
  return charges.flatMap((charge, i) => {
    const outcome = outcomes[i]
    return outcome?.receipt === undefined || outcome.granted <= 0 ? [] : [{ ...charge, cost: -outcome.granted, receipt: outcome.receipt }]
  })
}

function isRefused(outcome: Outcome | undefined): boolean {
  return outcome !== undefined && !outcome.allowed
}

function uncharged(outcome: Outcome | undefined): Outcome | undefined {
  return outcome === undefined ? undefined : { ...outcome, granted: 0, receipt: undefined, delay: 0 }
}

function heldIfRefused(outcome: Outcome | undefined): Outcome | undefined {
  if (!isRefused(outcome)) return uncharged(outcome)
  return { ...(outcome as Outcome), held: true, retryAfter: Math.min((outcome as Outcome).retryAfter, MAX_HELD_RETRY) }
}

type Attempt<T> = { readonly value: T } | { readonly error: unknown }

/** Returns an error as a value, since all groups must have answered before units are given back. */
function attempt<T>(run: () => MaybePromise<T>): MaybePromise<Attempt<T>> {
  try {
    const value = run()
    return isPromise(value)
      ? value.then(
          (late) => ({ value: late }),
          (error: unknown) => ({ error }),
        )
      : { value }
  } catch (error) {
    return { error }
  }
}
