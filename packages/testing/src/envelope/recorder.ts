import type { Charge, Limit, MaybePromise, Outcome, Store } from '@sluice/core'
import { isPromise } from '@sluice/core/store-kit'
import { type Admission, checkEnvelope, type GivenBack, type Violation } from './envelope.ts'

/** What was admitted to one subject under one limit, from one reset to the next. */
export interface Track {
  readonly limit: Limit
  readonly scope: string
  readonly subject: string
  readonly admissions: readonly Admission[]
}

export interface Recorded {
  /** Use this instead of the store. */
  readonly store: Store
  tracks(): readonly Track[]
  /** Every broken promise, with where it was broken. */
  violations(): readonly (Violation & { readonly scope: string; readonly subject: string })[]
}

interface Noted {
  readonly at: number
  readonly units: number
  readonly delay: number
  readonly forced: boolean
  readonly order: number
  readonly receipt: unknown
  until: number | undefined
  readonly givenBack: GivenBack[]
}

/** Wraps a store and notes every admission and every give-back with the store's own time. */
export function recordStore(inner: Store): Recorded {
  const tracks: (Track & { readonly admissions: Noted[] })[] = []
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

  const note = (charges: readonly Charge[], outcomes: readonly (Outcome | undefined)[], forced: boolean): void => {
    if (outcomes.some((outcome) => outcome?.allowed !== true)) return
    charges.forEach((charge, i) => {
      const outcome = outcomes[i] as Outcome
      order++
      const { admissions } = trackOf(charge)
      if (charge.cost < 0) noteBack(admissions, charge, outcome, order)
      else if (outcome.granted > 0) noteTaken(admissions, charge, outcome, forced, order)
    })
  }

  const store: Store = {
    ...methodsOf(inner),
    name: inner.name,
    consume(charges, options = {}) {
      const { how } = options
      return after(inner.consume(charges, options), (outcomes) => {
        if (how !== 'peek') note(charges, outcomes, how === 'force')
        return outcomes
      })
    },
    reset(targets) {
      return after(inner.reset(targets), () => {
        for (const { limit, scope, subject } of targets) current.delete(keyOf(limit, scope, subject))
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

function noteTaken(admissions: Noted[], charge: Charge, outcome: Outcome, forced: boolean, order: number): void {
  const { limit, receipt } = charge
  const until = limit.algorithm === 'concurrency' ? outcome.at + Number(limit.window) * 1000 : undefined
  const renewed = receipt === undefined ? undefined : admissions.find((noted) => noted.receipt === receipt)
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
      givenBack: [],
    })
}

function noteBack(admissions: Noted[], charge: Charge, outcome: Outcome, order: number): void {
  // Charges of one window may have equal receipts: any of them is as good, but a forced one, which counts for nothing here.
  const same = admissions.filter(({ receipt }) => charge.receipt !== undefined && receipt === charge.receipt)
  const from = same.toSorted((a, b) => Number(a.forced) - Number(b.forced)).filter((noted) => leftOf(noted) > 0)
  const whole = Math.abs(outcome.granted)
  // A bucket in which less was used than is given back takes a part of a unit more than it tells.
  const { algorithm, queue } = charge.limit
  const meter = algorithm === 'tokenBucket' || (algorithm === 'leakyBucket' && queue !== true)
  let units = meter && whole < Math.min(-charge.cost, same[0]?.units ?? Infinity) ? whole + 1 : whole
  for (const noted of from) {
    const part = Math.min(units, leftOf(noted))
    if (part > 0) noted.givenBack.push({ at: outcome.at, units: part, order })
    units -= part
  }
  if (units > 0) {
    const givenBack = [{ at: outcome.at, units, order }]
    admissions.push({ at: outcome.at, units: 0, delay: 0, forced: false, order, receipt: undefined, until: undefined, givenBack })
  }
}

function leftOf({ units, givenBack }: Noted): number {
  return givenBack.reduce((left, back) => left - back.units, units)
}

function keyOf({ window, limit, burst }: Limit, scope: string, subject: string): string {
  return JSON.stringify([scope, subject, window, limit, burst])
}

/** The optional methods, bound: a class's own would lose its `this`. */
function methodsOf(inner: Store): Partial<Store> {
  const given: Partial<Record<keyof Store, unknown>> = {}
  for (const name of ['shardOf', 'peekReplica', 'close', 'health', 'subscribe'] as const) {
    if (inner[name] !== undefined) given[name] = inner[name].bind(inner)
  }
  return given as Partial<Store>
}

function after<T, U>(value: MaybePromise<T>, next: (value: T) => U): MaybePromise<U> {
  return isPromise(value) ? value.then(next) : next(value)
}
