import { badReceipt } from '../../algorithms/algorithm.ts'
import { algorithmOf } from '../../algorithms/registry.ts'
import { type Clock, microsOf } from '../../clock.ts'
import type { Limit } from '../../limit.ts'
import { memoryStore } from '../../memory/memory-store.ts'
import type { Charge, ConsumeOptions, Outcome, Receipt, Source, Store, StoreEvent } from '../../store.ts'
import { RETRY_AFTER } from './breaker.ts'

/** Receipts of this tier: those of a charge that the store may have made as well are told apart. */
const MARK = 'local:'
const MARK_UNKNOWN = 'local?'
type Outcomes = readonly Outcome[]
type Target = Pick<Charge, 'limit' | 'scope' | 'subject'>

export function isLocal(receipt: Receipt | undefined): receipt is string {
  return typeof receipt === 'string' && (receipt.startsWith(MARK) || receipt.startsWith(MARK_UNKNOWN))
}

/** Of a charge that the store may have made as well. */
export function isOfUnknown(receipt: Receipt | undefined): boolean {
  return typeof receipt === 'string' && receipt.startsWith(MARK_UNKNOWN)
}

/** The limits at this process's share, in memory: what decides while the store is away. Always synchronous, always bounded. */
export class LocalTier {
  private readonly store: Store
  private readonly clock: Clock
  private readonly scaled = new WeakMap<Limit, { readonly share: number; readonly limit: Limit }>()

  constructor(maxSubjects: number, clock: Clock) {
    this.store = memoryStore({ maxSubjects, clock })
    this.clock = clock
  }

  consume(charges: readonly Charge[], { how, atLeast }: ConsumeOptions, share: number, isUnknown: boolean): Outcomes {
    const asked = charges.map((charge) => ({ ...charge, limit: this.scale(charge.limit, share), receipt: unmark(charge) }))
    const outcomes = this.store.consume(asked, { how, atLeast }) as Outcomes
    return outcomes.map((outcome, i) => tell(outcome, charges[i] as Charge, isUnknown))
  }

  /** Begins no higher than at this process's share of what the store had left. */
  seed(charge: Charge, left: number, share: number): void {
    const one = { ...charge, limit: this.scale(charge.limit, share), cost: 0, receipt: undefined }
    const [met] = this.store.consume([one], { how: 'peek' }) as Outcomes
    const excess = (met?.remaining ?? 0) - Math.floor(left * share)
    if (excess > 0) void this.store.consume([{ ...one, cost: excess }], { how: 'force' })
  }

  /** Units that are missing now, of this process's share. */
  lacks(target: Target, share: number): number {
    const limit = this.scale(target.limit, share)
    const [met] = this.store.consume([{ ...target, limit, cost: 0 }], { how: 'peek' }) as Outcomes
    return algorithmOf(limit).quota(limit) - (met?.remaining ?? 0)
  }

  /** What a policy chose over this tier: all pass, or none does. */
  without(charges: readonly Charge[], source: Extract<Source, 'open' | 'closed'>): Outcomes {
    const isOpen = source === 'open'
    const told = { ...this.blank(source), allowed: isOpen, retryAfter: isOpen ? 0 : RETRY_AFTER }
    return charges.map(({ cost }) => ({ ...told, granted: isOpen ? Math.max(0, cost) : 0 }))
  }

  /** For a give-back or a renewal that only the store could do: it is not tried again, so it counts as done. */
  done({ cost, receipt }: Charge): Outcome {
    return { ...this.blank('local'), ...(cost > 0 ? { receipt, granted: cost } : {}) }
  }

  reset(targets: readonly Target[]): void {
    void this.store.reset(targets)
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    return this.store.subscribe?.(listener) ?? (() => undefined)
  }

  close(): void {
    void this.store.close?.()
  }

  private scale(limit: Limit, share: number): Limit {
    if (share === 1) return limit
    const known = this.scaled.get(limit)
    if (known?.share === share) return known.limit
    const scaled = algorithmOf(limit).scale(limit, share)
    this.scaled.set(limit, { share, limit: scaled })
    return scaled
  }

  private blank(source: Source): Outcome {
    const at = microsOf(this.clock)
    return {
      allowed: true,
      remaining: 0,
      retryAfter: 0,
      nextAfter: 0,
      resetAfter: 0,
      delay: 0,
      source,
      at,
      receipt: undefined,
      leaseFor: 0,
      granted: 0,
    }
  }
}

function tell(outcome: Outcome, { cost, limit }: Charge, isUnknown: boolean): Outcome {
  const { receipt, retryAfter } = outcome
  return {
    ...outcome,
    source: 'local',
    receipt: receipt === undefined ? undefined : `${isUnknown ? MARK_UNKNOWN : MARK}${JSON.stringify(receipt)}`,
    // More than the share ever holds, but not more than the limit: it may pass when the store is back.
    retryAfter: retryAfter === Infinity && cost <= algorithmOf(limit).quota(limit) ? RETRY_AFTER : retryAfter,
  }
}

function unmark(charge: Charge): Receipt | undefined {
  if (charge.receipt === undefined) return undefined
  try {
    return JSON.parse(String(charge.receipt).slice(MARK.length)) as Receipt
  } catch {
    throw badReceipt(charge)
  }
}
