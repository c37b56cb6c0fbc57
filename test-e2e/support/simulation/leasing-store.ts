// The store that simulated processes share: in memory, and leasing as Redis does. The memory store has no leases (decision 0005).
// `simulation.test.ts` compares it with Redis, outcome by outcome.
import type { Charge, Clock, ConsumeOptions, Outcome, Store } from '@sluice/core'
import { algorithmOf, decide } from '@sluice/core/algorithms'

export interface LeasingStore extends Store {
  consume(charges: readonly Charge[], options?: ConsumeOptions): readonly Outcome[]
}

/** Leased units, by the index of the ttl period in which they were granted. */
interface Ledger {
  readonly epoch: number
  readonly granted: number
  readonly previous: number
}

/** Terms of a lease that is requested or returned. Times are µs. */
interface Terms {
  readonly ttl: number
  readonly ceiling?: number
  readonly since?: number
}

/** With `isFaulty`, leases are not debited, so that a test can see the bounds exceeded. */
export function leasingStore(clock: Clock, isFaulty = false): LeasingStore {
  const states = new Map<string, unknown>()
  const ledgers = new Map<string, Ledger>()

  function consume(requested: readonly Charge[], options: ConsumeOptions = {}): readonly Outcome[] {
    const now = Math.round(clock.now() * 1_000)
    const terms = requested.map((charge) => termsOf(charge, options))
    const charges = requested.map((charge, i) => (terms[i]?.since === undefined ? charge : { ...charge, receipt: innerOf(charge) }))
    const keys = charges.map(keyOf)
    const found = keys.map((key, i) => rolled(ledgers.get(key), terms[i]?.ttl ?? 1, now))
    const maxUnitsOf = (i: number): number | undefined => {
      const { ceiling, since, ttl = 0 } = terms[i] ?? {}
      const ledger = found[i] as Ledger
      if (ceiling !== undefined) return Math.max(0, ceiling - ledger.granted - ledger.previous)
      return since === undefined ? undefined : now >= since && now - since <= ttl ? Infinity : 0
    }
    const current = keys.map((key) => states.get(key))
    const { outcomes, states: written } = decide(charges, keys, current, now, { ...options, source: 'redis', maxUnitsOf })
    for (const [i, key] of keys.entries()) {
      const one = terms[i]
      if (written === undefined) break
      if (written[i] !== undefined && !(isFaulty && options.lease !== undefined)) states.set(key, written[i])
      const units = outcomes[i]?.granted ?? 0
      if (one !== undefined && units !== 0) ledgers.set(key, counted(found[i] as Ledger, one, units))
    }
    return outcomes.map((outcome, i) => leaseOutcome(outcome, charges[i] as Charge, terms[i], found[i] as Ledger, options))
  }

  return {
    name: 'redis',
    consume,
    reset(targets) {
      for (const target of targets) states.delete(keyOf(target))
    },
  }
}

function keyOf({ limit, scope, subject }: Pick<Charge, 'limit' | 'scope' | 'subject'>): string {
  return `${scope}.${algorithmOf(limit).variantOf(limit)}:${subject}`
}

const RECEIPT = /^lease:(\d+):(\d+):(.+)$/

function termsOf({ cost, limit, receipt }: Charge, { how = 'charge', lease }: ConsumeOptions): Terms | undefined {
  if (!algorithmOf(limit).leasable || cost === 0) return undefined
  if (cost > 0) return lease === undefined || how !== 'charge' ? undefined : { ttl: Math.floor(lease.ttl * 1_000), ceiling: lease.ceiling }
  const [, since, ttl] = RECEIPT.exec(String(receipt)) ?? []
  return since === undefined ? undefined : { ttl: Number(ttl), since: Number(since) }
}

function innerOf({ receipt }: Charge): Charge['receipt'] {
  const inner = RECEIPT.exec(String(receipt))?.[3] ?? ''
  return inner.includes(':') ? inner : Number(inner)
}

function rolled(ledger: Ledger | undefined, ttl: number, now: number): Ledger {
  const epoch = Math.floor(now / ttl)
  if (ledger === undefined || ledger.epoch < epoch - 1) return { epoch, granted: 0, previous: 0 }
  return ledger.epoch === epoch - 1 ? { epoch, granted: 0, previous: ledger.granted } : ledger
}

function counted(ledger: Ledger, { since, ttl }: Terms, units: number): Ledger {
  const of = since === undefined ? ledger.epoch : Math.floor(since / ttl)
  if (of === ledger.epoch) return { ...ledger, granted: Math.max(0, ledger.granted + units) }
  return of === ledger.epoch - 1 ? { ...ledger, previous: Math.max(0, ledger.previous + units) } : ledger
}

/** A lease has its own kind of receipt, and a refused lease waits for the ceiling too. */
function leaseOutcome(
  outcome: Outcome,
  { cost }: Charge,
  terms: Terms | undefined,
  ledger: Ledger,
  { atLeast = 0 }: ConsumeOptions,
): Outcome {
  if (terms?.ceiling === undefined) return outcome
  if (outcome.receipt !== undefined) return { ...outcome, receipt: `lease:${outcome.at}:${terms.ttl}:${outcome.receipt}` }
  if (outcome.allowed) return outcome
  const least = atLeast < 1 ? cost : Math.min(cost, atLeast)
  return { ...outcome, retryAfter: Math.max(outcome.retryAfter, waitFor(ledger, least, terms.ttl, terms.ceiling, outcome.at)) }
}

function waitFor({ epoch, granted, previous }: Ledger, units: number, ttl: number, ceiling: number, now: number): number {
  if (granted + previous + units <= ceiling) return 0
  if (units > ceiling) return Infinity
  return Math.ceil(((epoch + (granted + units <= ceiling ? 1 : 2)) * ttl - now) / 1_000)
}
