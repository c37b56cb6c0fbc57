import type { Charge, Outcome } from '../../store.ts'
import type { Instant } from '../instant.ts'
import type { Grant, LeasePool } from './lease-pool.ts'

// A receipt of leased units is `held:<process>:<number of the lease>:<units>`. The part before the units is the mark of the lease.
const PREFIX = 'held:'

/** Units taken from a lease for one charge. */
export interface Spending {
  readonly pool: LeasePool
  readonly grant: Grant
  readonly units: number
}

export function leaseMark(owner: string, number: number): string {
  return `${PREFIX}${owner}:${number}`
}

/** Whether the charge gives back, or renews, what was spent from a lease. */
export function hasLeaseReceipt({ receipt }: Charge): boolean {
  return typeof receipt === 'string' && receipt.startsWith(PREFIX)
}

export function readLeaseReceipt({ receipt }: Charge): { readonly mark: string; readonly units: number } {
  const text = String(receipt)
  const at = text.lastIndexOf(':')
  return { mark: text.slice(0, at), units: Number(text.slice(at + 1)) }
}

/**
 * `remaining` is what the leases of this process have left: other processes may have taken the rest meanwhile. `used` is what the store had
 * counted with this lease, so it includes the units that the lease has not spent yet.
 */
export function leasedOutcome({ pool, grant, units }: Spending, now: Instant): Outcome {
  const { outcome, answered, mark } = grant
  const since = Math.max(0, now.monotonic - answered.monotonic)
  const rest = (ms: number): number => Math.max(1, Math.ceil(ms - since))
  return {
    allowed: true,
    remaining: pool.left(now),
    used: outcome.used,
    retryAfter: 0,
    nextAfter: rest(outcome.nextAfter),
    resetAfter: rest(outcome.resetAfter),
    delay: 0,
    source: 'lease',
    at: outcome.at + Math.round(since * 1_000),
    receipt: `${mark}:${units}`,
    leaseFor: 0,
    granted: units,
  }
}

/** The outcome of a give-back whose lease is over: the units are lost. */
export function lapsedOutcome(now: Instant): Outcome {
  const waits = { retryAfter: 0, nextAfter: 0, resetAfter: 0, delay: 0 }
  const at = Math.round(now.wall * 1_000)
  return { allowed: true, remaining: 0, used: 0, ...waits, source: 'lease', at, receipt: undefined, leaseFor: 0, granted: 0 }
}
