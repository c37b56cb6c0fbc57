import type { Charge, ConsumeOptions, Outcome, Receipt } from '@sluice/core'
import { algorithmOf, decide, type DecideResult, type StepOptions } from '@sluice/core/algorithms'
import { invalid } from '@sluice/core/store-kit'

// A lease is a number of units that an instance takes in advance and spends without asking Redis. A ledger beside the state counts the
// units that are out on lease, so that they stay below a ceiling. lua/leases.lua does the same where scripts decide.

/** ms. Bounded so that leases stay short, and their arithmetic stays below 2^53. */
const MAX_TTL = 86_400_000

/** The units granted in the current epoch and in the one before. Epochs are numbered ⌊now / ttl⌋. */
export interface Ledger {
  readonly epoch: number
  readonly granted: number
  readonly previous: number
}

/** The terms of a charge that asks for a lease (`ceiling`), or that returns one (`since`, the time of its grant). Times in µs. */
export type LeaseTerms = { readonly ttl: number; readonly ceiling: number } | { readonly ttl: number; readonly since: number }

/** Charges with the receipts that the algorithms know, and the lease terms of each charge; `undefined` for a charge without. */
export interface Unwrapped {
  readonly charges: readonly Charge[]
  readonly leases: readonly (LeaseTerms | undefined)[]
}

/** The end of a ledger's key. No subject may end like it: its state would have the key of another subject's ledger. */
export const LEASES_MARK = '!l'

/** The key of the lease ledger beside a state, in the same slot. */
export function leasesKey(stateKey: string): string {
  return `${stateKey}${LEASES_MARK}`
}

const NO_LEASES: readonly undefined[] = []

interface LeasingDecision extends Unwrapped {
  /** The keys of the states. */
  readonly keys: readonly string[]
}

/** A decision of core, and the ledgers to write, by their keys. A refused decision writes none. */
interface LeasingResult extends DecideResult {
  readonly ledgers: ReadonlyMap<string, LedgerChange>
}

interface LedgerChange {
  readonly ledger: Ledger
  /** µs, of the last lease that changed the ledger. */
  readonly ttl: number
}

/** @throws ERR_OPTION_INVALID */
export function checkLease({ lease }: ConsumeOptions): void {
  if (lease === undefined) return
  const { ttl, ceiling } = lease
  if (!(ttl >= 1 && ttl <= MAX_TTL)) throw invalid('consume: lease.ttl', `1 to ${MAX_TTL} ms`, ttl)
  if (!Number.isSafeInteger(ceiling) || ceiling < 0) throw invalid('consume: lease.ceiling', 'a whole number, 0 or more', ceiling)
}

/** Separates lease terms from the charges: a lease's receipt contains the algorithm's own receipt. */
export function unwrap(charges: readonly Charge[], how: string, { lease }: ConsumeOptions): Unwrapped {
  // The common case allocates nothing.
  if (lease === undefined && charges.every(({ receipt }) => receipt === undefined)) return { charges, leases: NO_LEASES }
  const requested = lease === undefined || how !== 'charge' ? undefined : { ttl: Math.floor(lease.ttl * 1000), ceiling: lease.ceiling }
  const unwrapped = charges.map((charge): readonly [Charge, LeaseTerms | undefined] => {
    if (!algorithmOf(charge.limit).leasable) return [charge, undefined]
    const receipt = readLeaseReceipt(charge.receipt)
    const inner = receipt === undefined ? charge : { ...charge, receipt: receipt.inner }
    return [inner, charge.cost > 0 ? requested : charge.cost < 0 ? receipt?.terms : undefined]
  })
  return { charges: unwrapped.map(([charge]) => charge), leases: unwrapped.map(([, terms]) => terms) }
}

/** Decides as core does, and keeps each lease below its ceiling. `current` are the ledgers before the decision, by their keys. */
export function decideWithLeases(
  { charges, keys, leases }: LeasingDecision,
  states: readonly unknown[],
  current: ReadonlyMap<string, Ledger>,
  now: number,
  options: StepOptions,
): LeasingResult {
  const changes = new Map<string, LedgerChange>()
  const before: Ledger[] = []
  const record = (i: number, outcome: Outcome | undefined): void => {
    const terms = leases[i]
    if (terms === undefined || outcome === undefined || outcome.granted === 0) return
    changes.set(leasesKey(keys[i] as string), { ledger: withUnits(before[i] as Ledger, terms, outcome.granted), ttl: terms.ttl })
  }
  const maxUnitsOf = (i: number, earlier: readonly Outcome[]): number | undefined => {
    record(i - 1, earlier[i - 1])
    const terms = leases[i]
    if (terms === undefined) return undefined
    const key = leasesKey(keys[i] as string)
    const ledger = atEpochOf(now, changes.get(key)?.ledger ?? current.get(key), terms.ttl)
    before[i] = ledger
    return 'ceiling' in terms ? Math.max(0, terms.ceiling - ledger.granted - ledger.previous) : isLive(terms, now) ? Infinity : 0
  }
  const { outcomes, states: written } = decide(charges, keys, states, now, { ...options, maxUnitsOf })
  record(charges.length - 1, outcomes.at(-1))
  const leased = outcomes.map((outcome, i) => withLease(outcome, charges[i] as Charge, leases[i], before[i], options))
  return { outcomes: leased, states: written, ledgers: written === undefined ? new Map() : changes }
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
function atEpochOf(now: number, ledger: Ledger | undefined, ttl: number): Ledger {
  const epoch = epochOf(now, ttl)
  if (ledger === undefined || ledger.epoch < epoch - 1) return { epoch, granted: 0, previous: 0 }
  return ledger.epoch === epoch - 1 ? { epoch, granted: 0, previous: ledger.granted } : ledger
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
