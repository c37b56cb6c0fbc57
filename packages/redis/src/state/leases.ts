import type { Charge, ConsumeOptions, Outcome, Receipt } from '@sluice/core'
import { invalid } from '@sluice/core/store-kit'
import { algorithmOf, decide, type DecideResult, type StepOptions } from '@sluice/core/algorithms'
import { leasesKey } from '../keys.ts'

// Leases: units debited at once and spent elsewhere. How many are out is accounted beside the state, under a ceiling; the twin
// of lua/leases.lua, which decides where there are scripts.

/** ms: a lease is to be short, and its arithmetic stays below 2^53. */
const LONGEST = 86_400_000

/** What is kept under `<state key>!l`: the number of the ttl that now lies in, units granted in it and in the one before. */
export interface Ledger {
  readonly epoch: number
  readonly granted: number
  readonly previous: number
}

/** What makes a charge a lease, or the return of one. Times in µs. */
export type Terms = { readonly ttl: number; readonly ceiling: number } | { readonly ttl: number; readonly since: number }

/** A decision with its receipts as the algorithms know them; `leases` has terms at the places of charges that have any. */
export interface Unwrapped {
  readonly charges: readonly Charge[]
  readonly leases: readonly (Terms | undefined)[]
}

const NONE: readonly undefined[] = []

/** A decision whose leases are to be accounted: the keys are those of the states. */
interface Leasing extends Unwrapped {
  readonly keys: readonly string[]
}

/** A decision of core, and the ledgers to write, by their keys: none when it was refused. */
interface Accounted extends DecideResult {
  readonly ledgers: ReadonlyMap<string, Account>
}

interface Account {
  readonly ledger: Ledger
  /** µs, of the lease that was accounted last. */
  readonly ttl: number
}

/** @throws ERR_OPTION_INVALID */
export function checkLease({ lease }: ConsumeOptions): void {
  if (lease === undefined) return
  const { ttl, ceiling } = lease
  if (!(ttl >= 1 && ttl <= LONGEST)) throw invalid('consume: lease.ttl', `1 to ${LONGEST} ms`, ttl)
  if (!Number.isSafeInteger(ceiling) || ceiling < 0) throw invalid('consume: lease.ceiling', 'a whole number, 0 or more', ceiling)
}

export function unwrap(charges: readonly Charge[], how: string, { lease }: ConsumeOptions): Unwrapped {
  // Nearly always.
  if (lease === undefined && charges.every(({ receipt }) => receipt === undefined)) return { charges, leases: NONE }
  const asked = lease === undefined || how !== 'charge' ? undefined : { ttl: Math.floor(lease.ttl * 1000), ceiling: lease.ceiling }
  const unwrapped = charges.map((charge): readonly [Charge, Terms | undefined] => {
    if (!algorithmOf(charge.limit).leasable) return [charge, undefined]
    const receipt = readLease(charge.receipt)
    const inner = receipt === undefined ? charge : { ...charge, receipt: receipt.inner }
    return [inner, charge.cost > 0 ? asked : charge.cost < 0 ? receipt?.terms : undefined]
  })
  return { charges: unwrapped.map(([charge]) => charge), leases: unwrapped.map(([, terms]) => terms) }
}

/** Decides as core does, with each lease under what the ceiling has left. `met` are the ledgers, by their keys, as they are. */
export function decideLeasing(
  decision: Leasing,
  states: readonly unknown[],
  met: ReadonlyMap<string, Ledger>,
  now: number,
  options: StepOptions,
): Accounted {
  const { charges, keys, leases } = decision
  const after = new Map<string, Account>()
  const found: Ledger[] = []
  const account = (i: number, outcome: Outcome | undefined): void => {
    const terms = leases[i]
    if (terms === undefined || outcome === undefined || outcome.granted === 0) return
    after.set(leasesKey(keys[i] as string), { ledger: counted(found[i] as Ledger, terms, outcome.granted), ttl: terms.ttl })
  }
  const maxUnitsOf = (i: number, earlier: readonly Outcome[]): number | undefined => {
    account(i - 1, earlier[i - 1])
    const terms = leases[i]
    if (terms === undefined) return undefined
    const key = leasesKey(keys[i] as string)
    const ledger = rolled(after.get(key)?.ledger ?? met.get(key), terms.ttl, now)
    found[i] = ledger
    return 'ceiling' in terms ? Math.max(0, terms.ceiling - ledger.granted - ledger.previous) : isLive(terms, now) ? Infinity : 0
  }
  const { outcomes, states: written } = decide(charges, keys, states, now, { ...options, maxUnitsOf })
  account(charges.length - 1, outcomes.at(-1))
  const told = outcomes.map((outcome, i) => tellLease(outcome, charges[i] as Charge, leases[i], found[i], options))
  return { outcomes: told, states: written, ledgers: written === undefined ? new Map() : after }
}

/** The outcome of a lease: with a receipt of its own, or refused for as long as the ceiling refuses too. */
function tellLease(
  outcome: Outcome,
  { cost }: Charge,
  terms: Terms | undefined,
  ledger: Ledger | undefined,
  { atLeast = 0 }: StepOptions,
): Outcome {
  if (terms === undefined || ledger === undefined || !('ceiling' in terms)) return outcome
  if (outcome.receipt !== undefined) return { ...outcome, receipt: `lease:${outcome.at}:${terms.ttl}:${outcome.receipt}` }
  if (outcome.allowed) return outcome
  const least = atLeast < 1 ? cost : Math.min(cost, atLeast)
  return { ...outcome, retryAfter: Math.max(outcome.retryAfter, wait(ledger, least, terms, outcome.at)) }
}

function readLease(receipt: Receipt | undefined): { readonly inner: Receipt; readonly terms: Terms } | undefined {
  const [, since, ttl, inner = ''] = /^lease:(\d{1,16}):(\d{1,16}):(\d+(?::\d+)?)$/.exec(String(receipt)) ?? []
  if (since === undefined || !(Number(ttl) > 0)) return undefined
  return { inner: inner.includes(':') ? inner : Number(inner), terms: { ttl: Number(ttl), since: Number(since) } }
}

/** Older, and its units may have been spent; from a clock ahead, nobody knows how old. */
function isLive({ since, ttl }: { readonly since: number; readonly ttl: number }, now: number): boolean {
  return now >= since && now - since <= ttl
}

/** The ledger at the epoch of now; one ahead of it is kept: a clock that steps back frees nothing. */
function rolled(ledger: Ledger | undefined, ttl: number, now: number): Ledger {
  const epoch = epochOf(now, ttl)
  if (ledger === undefined || ledger.epoch < epoch - 1) return { epoch, granted: 0, previous: 0 }
  return ledger.epoch === epoch - 1 ? { epoch, granted: 0, previous: ledger.granted } : ledger
}

function counted(ledger: Ledger, terms: Terms, units: number): Ledger {
  const { epoch, granted, previous } = ledger
  if ('ceiling' in terms) return { epoch, granted: Math.min(Number.MAX_SAFE_INTEGER, granted + units), previous }
  const of = epochOf(terms.since, terms.ttl)
  if (of === epoch) return { epoch, granted: Math.max(0, granted + units), previous }
  return of === epoch - 1 ? { epoch, granted, previous: Math.max(0, previous + units) } : ledger
}

/** Whole ms until the ceiling has room for `units`: what was granted leaves it when a whole epoch has passed since its own. */
function wait(
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
