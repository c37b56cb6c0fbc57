import type { Charge, Limit, MaybePromise, Outcome, Store } from '@sluice/core'
import { isPromise } from '@sluice/core/store-kit'
import { type Admission, checkEnvelope, type Refund, type Violation } from './envelope.ts'

/** The admissions of one subject under one limit, between two resets. */
export interface Track {
  readonly limit: Limit
  readonly scope: string
  readonly subject: string
  readonly admissions: readonly Admission[]
}

export interface Recorded {
  /** The wrapped store. Use it, not the original. */
  readonly store: Store
  tracks(): readonly Track[]
  /** The violations of checkEnvelope() over all tracks. */
  violations(): readonly (Violation & { readonly scope: string; readonly subject: string })[]
}

interface MutableAdmission {
  readonly at: number
  readonly units: number
  readonly delay: number
  readonly forced: boolean
  readonly order: number
  readonly receipt: unknown
  until: number | undefined
  readonly refunds: Refund[]
  /** Units that others gave back, so that its own refund may give back as many of others. */
  credited: number
}

/**
 * Wraps a store and records every admission and refund, with the store's own time. After a test, `violations()` says where a
 * limit admitted more than it promises.
 *
 * @example
 * ```ts
 * import { memoryStore } from '@sluice/core'
 * import { fakeClock, recordStore } from '@sluice/testing'
 * import { expect } from 'vitest'
 *
 * const recorded = recordStore(memoryStore({ clock: fakeClock() }))
 * // … send charges to recorded.store …
 * expect(recorded.violations()).toEqual([])
 * ```
 */
export function recordStore(inner: Store): Recorded {
  const tracks: (Track & { readonly admissions: MutableAdmission[] })[] = []
  const current = new Map<string, (typeof tracks)[number]>()
  let order = 0

  const trackOf = ({ limit, scope, subject }: Charge): (typeof tracks)[number] => {
    const key = keyOf(limit, scope, subject)
    let track = current.get(key)
    if (track === undefined) {
      track = { limit, scope, subject, admissions: [] }
      tracks.push(track)
      current.set(key, track)
    }
    return track
  }

  const record = (charges: readonly Charge[], outcomes: readonly (Outcome | undefined)[], forced: boolean): void => {
    if (outcomes.some((outcome) => outcome?.allowed !== true)) return
    charges.forEach((charge, i) => {
      const outcome = outcomes[i] as Outcome
      order++
      const { admissions } = trackOf(charge)
      if (charge.cost < 0) recordRefund(admissions, charge, outcome, order)
      else if (outcome.granted > 0) recordAdmission(admissions, charge, outcome, forced, order)
    })
  }

  const store: Store = {
    ...methodsOf(inner),
    name: inner.name,
    consume(charges, options = {}) {
      const { how } = options
      return mapResult(inner.consume(charges, options), (outcomes) => {
        // What is charged beside a credit is charged by force.
        if (how !== 'peek') record(charges, outcomes, how === 'force' || how === 'credit')
        return outcomes
      })
    },
    reset(targets) {
      return mapResult(inner.reset(targets), (found) => {
        for (const { limit, scope, subject } of targets) current.delete(keyOf(limit, scope, subject))
        return found
      })
    },
  }

  return {
    store,
    tracks: () => tracks,
    violations: () =>
      tracks.flatMap(({ limit, scope, subject, admissions }) =>
        checkEnvelope(limit, admissions).map((found) => ({ ...found, scope, subject })),
      ),
  }
}

function recordAdmission(admissions: MutableAdmission[], charge: Charge, outcome: Outcome, forced: boolean, order: number): void {
  const { limit, receipt } = charge
  const until = limit.algorithm === 'concurrency' ? outcome.at + Number(limit.window) * 1000 : undefined
  const renewed = receipt === undefined ? undefined : admissions.find((admission) => admission.receipt === receipt)
  if (renewed !== undefined) renewed.until = until
  else
    admissions.push({
      at: outcome.at,
      units: outcome.granted,
      delay: outcome.delay,
      forced,
      order,
      receipt: outcome.receipt,
      until,
      refunds: [],
      credited: 0,
    })
}

function recordRefund(admissions: MutableAdmission[], charge: Charge, outcome: Outcome, order: number): void {
  const refund = { at: outcome.at, units: Math.abs(outcome.granted), order }
  // Charges of one window may have equal receipts. Any of them may stand for the others; forced ones come last, since the
  // promise does not cover them.
  const same = admissions
    .filter(({ receipt }) => charge.receipt !== undefined && receipt === charge.receipt)
    .toSorted((a, b) => Number(a.forced) - Number(b.forced))
  const { algorithm, queue } = charge.limit
  if (algorithm === 'tokenBucket' || (algorithm === 'leakyBucket' && queue !== true)) {
    // A refund larger than what a bucket has in use also refunds a fraction of a unit, which `granted` does not show.
    const isCut = refund.units < Math.min(-charge.cost, same[0]?.units ?? Infinity)
    const rest = giveBack(same, isCut ? { ...refund, units: refund.units + 1 } : refund)
    // A bucket fills, whichever charge took the units.
    if (rest.units > 0) admissions.push(refundOfNone(rest))
  } else if (charge.receipt === undefined) {
    // A credit of a window gives back what was taken last.
    credit(admissions.toReversed(), refund)
  } else {
    const rest = giveBack(same, refund)
    // A refund whose own units were credited takes others of its window. More than these would be units that a store gave back twice.
    const others = admissions.toReversed().filter((each) => !same.includes(each) && windowOf(each.receipt) === windowOf(charge.receipt))
    const most = Math.min(
      rest.units,
      same.reduce((sum, { credited }) => sum + credited, 0),
    )
    let taken = most - credit(others, { ...rest, units: most }).units
    for (const admission of same) {
      const part = Math.min(taken, admission.credited)
      admission.credited -= part
      taken -= part
    }
  }
}

/** Counts units as given back. Returns what is left of the refund. */
function giveBack(from: readonly MutableAdmission[], refund: Refund): Refund {
  let { units } = refund
  for (const admission of from) {
    const part = Math.min(units, leftOf(admission))
    if (part > 0) admission.refunds.push({ ...refund, units: part })
    units -= part
  }
  return { ...refund, units }
}

/** As `giveBack`, of units that have not been given back by their own receipt. */
function credit(from: readonly MutableAdmission[], refund: Refund): Refund {
  const before = from.map(leftOf)
  const rest = giveBack(from, refund)
  for (const [i, admission] of from.entries()) admission.credited += (before[i] as number) - leftOf(admission)
  return rest
}

function refundOfNone(refund: Refund): MutableAdmission {
  const { at, order = 0 } = refund
  return { at, units: 0, delay: 0, forced: false, order, receipt: undefined, until: undefined, refunds: [refund], credited: 0 }
}

/** A receipt is the window, or the window and the units: `<window>:<units>`. */
function windowOf(receipt: unknown): string | undefined {
  return typeof receipt === 'string' || typeof receipt === 'number' ? String(receipt).split(':')[0] : undefined
}

function leftOf({ units, refunds }: MutableAdmission): number {
  return refunds.reduce((left, refund) => left - refund.units, units)
}

function keyOf({ window, limit, burst }: Limit, scope: string, subject: string): string {
  return JSON.stringify([scope, subject, window, limit, burst])
}

/** The store's optional methods. They are bound, since a method of a class needs its `this`. */
function methodsOf(inner: Store): Partial<Store> {
  const methods: Partial<Record<keyof Store, unknown>> = {}
  for (const name of ['block', 'shardOf', 'peekReplica', 'ready', 'close', 'health', 'subscribe'] as const) {
    if (inner[name] !== undefined) methods[name] = inner[name].bind(inner)
  }
  return methods as Partial<Store>
}

function mapResult<T, U>(value: MaybePromise<T>, next: (value: T) => U): MaybePromise<U> {
  return isPromise(value) ? value.then(next) : next(value)
}
