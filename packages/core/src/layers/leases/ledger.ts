import type { StepOptions } from '../../algorithms/algorithm.ts'
import { decide, type DecideResult } from '../../algorithms/decide.ts'
import { algorithmOf } from '../../algorithms/registry.ts'
import { invalid } from '../../errors.ts'
import type { Charge, ConsumeOptions, Outcome, Receipt } from '../../store.ts'
import { leaseOfSpent } from './leased-outcome.ts'

// The part of a store that grants leases. A ledger beside each state counts the units that are out on lease, so that they stay below a
// ceiling. lua/leases.lua does the same where scripts of Redis decide.

/** ms. Bounded so that leases stay short, and their arithmetic stays below 2^53. */
const MAX_TTL = 86_400_000

/** A ledger as a store keeps it: the time (µs) until which it counts, the units granted in its epoch, and those in the epoch before. */
export type LeaseLedger = readonly [until: number, granted: number, previous: number]

/** The units granted in the current epoch and in the one before. Epochs are numbered ⌊now / ttl⌋. */
interface Ledger {
  readonly epoch: number
  readonly granted: number
  readonly previous: number
}

/** The terms of a charge that asks for a lease (`ceiling`), or that returns one (`since`, the time of its grant). Times in µs. */
export type LeaseTerms = { readonly ttl: number; readonly ceiling: number } | { readonly ttl: number; readonly since: number }

/** Charges with the receipts that the algorithms know, and the lease terms of each charge; `undefined` for a charge without. */
export interface LeasedCharges {
  readonly charges: readonly Charge[]
  readonly leases: readonly (LeaseTerms | undefined)[]
}

const NO_LEASES: readonly undefined[] = []

/** A decision of core, and the ledger to write for each charge; a missing entry writes none. A refused decision writes none. */
export interface LeasingResult extends DecideResult {
  readonly ledgers: readonly (LeaseLedger | undefined)[]
}

/**
 * Checks the terms of a lease, before anything is sent.
 * @throws ERR_OPTION_INVALID
 */
export function checkLease({ lease }: ConsumeOptions): void {
  if (lease === undefined) return
  const { ttl, ceiling } = lease
  if (!(ttl >= 1 && ttl <= MAX_TTL)) throw invalid('consume: lease.ttl', `1 to ${MAX_TTL} ms`, ttl)
  if (!Number.isSafeInteger(ceiling) || ceiling < 0) throw invalid('consume: lease.ceiling', 'a whole number, 0 or more', ceiling)
}

/** Separates lease terms from the charges: a lease's receipt contains the algorithm's own receipt. */
export function readLeases(charges: readonly Charge[], how: string, { lease }: ConsumeOptions): LeasedCharges {
  // The common case allocates nothing.
  if (lease === undefined && charges.every(({ receipt }) => receipt === undefined)) return { charges, leases: NO_LEASES }
  const requested = lease === undefined || how !== 'charge' ? undefined : { ttl: Math.floor(lease.ttl * 1000), ceiling: lease.ceiling }
  const unwrapped = charges.map((charge): readonly [Charge, LeaseTerms | undefined] => {
    if (!algorithmOf(charge.limit).leasable) return [charge, undefined]
    const spent = readLeaseReceipt(leaseOfSpent(charge.receipt))
    // Units that were spent come back as those of a charge without a lease, whatever the age of the lease.
    if (spent !== undefined) return [{ ...charge, receipt: spent.inner }, undefined]
    const receipt = readLeaseReceipt(charge.receipt)
    const inner = receipt === undefined ? charge : { ...charge, receipt: receipt.inner }
    return [inner, charge.cost > 0 ? requested : charge.cost < 0 ? receipt?.terms : undefined]
  })
  return { charges: unwrapped.map(([charge]) => charge), leases: unwrapped.map(([, terms]) => terms) }
}

/**
 * Decides as core does, and keeps each lease below its ceiling. Charges with equal ids share a state and its ledger. `current`: the ledger
 * of each charge before the decision.
 */
export function decideWithLeases(
  { charges, leases }: LeasedCharges,
  stateIds: readonly string[],
  states: readonly unknown[],
  current: readonly (LeaseLedger | undefined)[],
  now: number,
  options: StepOptions,
): LeasingResult {
  const changes: (LeaseLedger | undefined)[] = []
  const before: Ledger[] = []
  const record = (i: number, outcome: Outcome | undefined): void => {
    const terms = leases[i]
    if (terms === undefined || outcome === undefined || outcome.granted === 0) return
    const { epoch, granted, previous } = withUnits(before[i] as Ledger, terms, outcome.granted)
    changes[i] = [(epoch + 2) * terms.ttl, granted, previous]
  }
  const latest = (i: number): LeaseLedger | undefined => {
    // Only of charges before this one: with `atLeast`, the charges may be decided twice.
    const last = changes.findLastIndex((change, j) => j < i && change !== undefined && stateIds[j] === stateIds[i])
    return last < 0 ? current[i] : changes[last]
  }
  const maxUnitsOf = (i: number, earlier: readonly Outcome[]): number | undefined => {
    record(i - 1, earlier[i - 1])
    const terms = leases[i]
    if (terms === undefined) return undefined
    const ledger = atEpochOf(now, latest(i), terms.ttl)
    before[i] = ledger
    return 'ceiling' in terms ? Math.max(0, terms.ceiling - ledger.granted - ledger.previous) : isLive(terms, now) ? Infinity : 0
  }
  const { outcomes, states: written } = decide(charges, stateIds, states, now, { ...options, maxUnitsOf })
  record(charges.length - 1, outcomes.at(-1))
  const leased = outcomes.map((outcome, i) => withLease(outcome, charges[i] as Charge, leases[i], before[i], options))
  return { outcomes: leased, states: written, ledgers: written === undefined ? [] : changes }
}

/** Adds the lease to an outcome: a receipt that contains the terms, or the time until the ceiling admits the units. */
function withLease(
  outcome: Outcome,
  { cost }: Charge,
  terms: LeaseTerms | undefined,
  ledger: Ledger | undefined,
  { atLeast = 0 }: StepOptions,
): Outcome {
  if (terms === undefined || ledger === undefined || !('ceiling' in terms)) return outcome
  if (outcome.receipt !== undefined) return { ...outcome, receipt: `lease:${outcome.at}:${terms.ttl}:${outcome.receipt}` }
  if (outcome.allowed) return outcome
  const least = atLeast < 1 ? cost : Math.min(cost, atLeast)
  return { ...outcome, retryAfter: Math.max(outcome.retryAfter, waitFor(ledger, least, terms, outcome.at)) }
}

function readLeaseReceipt(receipt: Receipt | undefined): { readonly inner: Receipt; readonly terms: LeaseTerms } | undefined {
  const [, since, ttl, inner = ''] = /^lease:(\d{1,16}):(\d{1,16}):(\d+(?::\d+)?)$/.exec(String(receipt)) ?? []
  if (since === undefined || !(Number(ttl) > 0)) return undefined
  return { inner: inner.includes(':') ? inner : Number(inner), terms: { ttl: Number(ttl), since: Number(since) } }
}

/** Whether the units of a lease may still be returned. Units of an older lease may have been spent; a grant in the future has no known age. */
function isLive({ since, ttl }: { readonly since: number; readonly ttl: number }, now: number): boolean {
  return now >= since && now - since <= ttl
}

/** The ledger in the epoch of now. A ledger of a later epoch is kept, so that a clock that steps back frees no units. */
function atEpochOf(now: number, numbers: LeaseLedger | undefined, ttl: number): Ledger {
  const epoch = epochOf(now, ttl)
  const [end, granted, previous] = numbers ?? [0, 0, 0]
  // Rounded up for a ledger that was written with another ttl, so that it frees no units early.
  const of = Math.ceil(end / ttl) - 2
  if (of < epoch - 1) return { epoch, granted: 0, previous: 0 }
  return of === epoch - 1 ? { epoch, granted: 0, previous: granted } : { epoch: of, granted, previous }
}

/** The ledger after units were granted, or, below 0, returned to the epoch of their grant. */
function withUnits(ledger: Ledger, terms: LeaseTerms, units: number): Ledger {
  const { epoch, granted, previous } = ledger
  if ('ceiling' in terms) return { epoch, granted: Math.min(Number.MAX_SAFE_INTEGER, granted + units), previous }
  const of = epochOf(terms.since, terms.ttl)
  if (of === epoch) return { epoch, granted: Math.max(0, granted + units), previous }
  return of === epoch - 1 ? { epoch, granted, previous: Math.max(0, previous + units) } : ledger
}

/** Whole ms until the ceiling admits `units`. Granted units stop counting when the epoch after their own has ended. */
function waitFor(
  { epoch, granted, previous }: Ledger,
  units: number,
  { ttl, ceiling }: { ttl: number; ceiling: number },
  now: number,
): number {
  if (granted + previous + units <= ceiling) return 0
  if (units > ceiling) return Infinity
  return Math.ceil(((epoch + (granted + units <= ceiling ? 1 : 2)) * ttl - now) / 1000)
}

function epochOf(micros: number, ttl: number): number {
  return (micros - (micros % ttl)) / ttl
}
