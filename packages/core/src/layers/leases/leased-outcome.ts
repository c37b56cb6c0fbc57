import { badReceipt } from '../../algorithms/receipts.ts'
import type { Charge, Outcome, Receipt } from '../../store.ts'
import type { Instant } from '../instant.ts'
import type { Grant, LeasePool } from './lease-pool.ts'

// A receipt of leased units is `held:<process>:<number of the lease>:<receipt of the lease>:<units>`. The part before the units is the mark
// of the lease. The store's receipt of the lease is in it as JSON, since a receipt can outlive its lease, and its process.
const PREFIX = 'held:'
/** Begins the receipt of units that were spent. */
const SPENT = 'spent:'

/** Units taken from a lease for one charge. */
export interface Spending {
  readonly pool: LeasePool
  readonly grant: Grant
  readonly units: number
}

export function leaseMark(owner: string, number: number, receipt: Receipt | undefined): string {
  return `${PREFIX}${owner}:${number}:${JSON.stringify(receipt)}`
}

/**
 * For a store that grants leases: the receipt of the lease whose units come back after they were spent, when the lease is over. The store
 * takes them back as those of a charge without a lease: without a limit of time. `undefined` for any other receipt.
 */
export function leaseOfSpent(receipt: Receipt | undefined): Receipt | undefined {
  if (typeof receipt !== 'string' || !receipt.startsWith(SPENT)) return undefined
  try {
    return JSON.parse(receipt.slice(SPENT.length)) as Receipt
  } catch {
    return undefined
  }
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

const MARK = /^held:[^:]*:\d+:(.+)$/

/**
 * A give-back of leased units as one that the store makes, for at most what was spent.
 * @throws ERR_RECEIPT_INVALID
 */
export function giveBackToStore(charge: Charge): Charge {
  const { mark, units } = readLeaseReceipt(charge)
  const [, lease] = MARK.exec(mark) ?? []
  if (lease === undefined || !Number.isSafeInteger(units) || units < 1) throw badReceipt(charge)
  return { ...charge, cost: -Math.min(-charge.cost, units), receipt: `${SPENT}${lease}` }
}
