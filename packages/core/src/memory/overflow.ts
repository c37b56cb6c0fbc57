import { badReceipt } from '../algorithms/receipts.ts'
import type { Events } from '../events.ts'
import type { Charge, Outcome, Receipt } from '../store.ts'

/** What happens to a new subject when the store is full and no state may be evicted. */
export type OverflowMode = 'shared' | 'deny' | 'allow'

/** Milliseconds: the `retryAfter` of a new subject that is refused under `deny`. */
const DENY_RETRY_AFTER = 1_000
/** Microseconds between two reports that the store overflows. */
const REPORT_INTERVAL = 60_000_000
/** Begins the receipts of a shared state. The rest is the receipt of the algorithm, as JSON. */
const SHARED_MARK = '~'

/** Handles new subjects while the store is full of states that may not be evicted. */
export class Overflow {
  readonly mode: OverflowMode
  private readonly events: Events
  private readonly maxSubjects: number
  private reportedAt = -Infinity

  constructor(mode: OverflowMode, maxSubjects: number, events: Events) {
    this.mode = mode
    this.maxSubjects = maxSubjects
    this.events = events
  }

  /** Reports ANOMALY_OVERFLOW, at most once a minute. */
  report(now: number): void {
    if (now - this.reportedAt < REPORT_INTERVAL) return
    this.reportedAt = now
    this.events.anomaly(
      'ANOMALY_OVERFLOW',
      `memoryStore: all ${this.maxSubjects} states (maxSubjects) have used more than half of their limit, so none can be evicted. ` +
        `${CONSEQUENCES[this.mode]} (overflow: '${this.mode}'). Raise maxSubjects if this is normal traffic`,
    )
  }

  /** Marks the receipt of a charge on a shared state: its units go back there, even if the subject has its own state by then. */
  withSharedReceipt(outcome: Outcome): Outcome {
    const { receipt } = outcome
    if (receipt === undefined) return outcome
    return { ...outcome, receipt: this.mode === 'shared' ? `${SHARED_MARK}${JSON.stringify(receipt)}` : undefined }
  }
}

const CONSEQUENCES: Readonly<Record<OverflowMode, string>> = {
  shared: 'New subjects share one count per limit',
  deny: 'New subjects are refused',
  allow: 'New subjects are not limited',
}

/** The outcome of a new subject under `deny`. */
export function deniedOutcome(outcome: Outcome): Outcome {
  return { ...outcome, allowed: false, remaining: 0, retryAfter: DENY_RETRY_AFTER, nextAfter: DENY_RETRY_AFTER, granted: 0 }
}

export function isSharedReceipt(receipt: Receipt | undefined): receipt is string {
  return typeof receipt === 'string' && receipt.startsWith(SHARED_MARK)
}

/**
 * The charge with the receipt that the algorithm made.
 * @throws ERR_RECEIPT_INVALID for a receipt that this store did not make
 */
export function withPlainReceipt(charge: Charge): Charge {
  if (!isSharedReceipt(charge.receipt)) return charge
  try {
    const receipt: unknown = JSON.parse(charge.receipt.slice(SHARED_MARK.length))
    if (typeof receipt === 'string' || typeof receipt === 'number') return { ...charge, receipt }
  } catch {
    // Not JSON, so not a receipt of this store.
  }
  throw badReceipt(charge)
}
