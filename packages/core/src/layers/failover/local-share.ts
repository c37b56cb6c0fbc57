import { algorithmOf } from '../../algorithms/registry.ts'
import type { Clock } from '../../clock.ts'
import type { Limit } from '../../limit.ts'
import { memoryStore } from '../../memory/memory-store.ts'
import type { BlockChange, Charge, ConsumeOptions, Outcome, Store } from '../../store.ts'
import type { StateId } from '../state-map.ts'
import { RETRY_AFTER } from './fixed-outcomes.ts'
import { innerReceipt, localReceipt } from './local-receipt.ts'
import type { FailoverSettings } from './options.ts'

type Outcomes = readonly (Outcome | undefined)[]

/** Decides at this process's share of each limit, in a bounded memory store. Always synchronous. */
export class LocalShare {
  readonly memory: Store
  private readonly clock: Clock
  /** ms since the epoch: when the last block here ends, at the latest. */
  private blockedUntil = 0
  /** The part of each limit that this process admits: above 0, up to 1. */
  private readonly share: () => number
  private readonly scaled = new WeakMap<Limit, { readonly share: number; readonly limit: Limit }>()

  constructor({ maxSubjects, clock }: FailoverSettings, share: () => number) {
    this.memory = memoryStore({ maxSubjects, clock })
    this.clock = clock
    this.share = share
  }

  /** `inDoubt`: the store may have made the same charges. */
  consume(charges: readonly Charge[], { how, atLeast }: ConsumeOptions, inDoubt: boolean): Outcomes {
    const share = this.share()
    const scaled = charges.map((charge) => ({ ...charge, limit: this.scale(charge.limit, share), receipt: innerReceipt(charge) }))
    const outcomes = this.memory.consume(scaled, { how, atLeast }) as Outcomes
    return outcomes.map((outcome, i) => outcome && localOutcome(outcome, charges[i] as Charge, inDoubt))
  }

  /** Whether a subject may be blocked here. */
  get hasBlocks(): boolean {
    return this.blockedUntil > 0 && this.clock.now() < this.blockedUntil
  }

  /** Blocks subjects here too, so that they stay blocked while the store is away. `ms` 0 ends that. */
  block(ids: readonly StateId[], ms: number): void {
    const change = this.memory.block?.(ids, ms) as BlockChange | undefined
    this.blockedUntil = Math.max(this.blockedUntil, change?.until ?? 0)
  }

  /** Lowers the units left here to this process's share of the units that the store had left. */
  seed(id: StateId, leftInStore: number): void {
    const share = this.share()
    const state = this.stateOf(id, share)
    const excess = this.remaining(state) - Math.floor(leftInStore * share)
    if (excess > 0) void this.memory.consume([{ ...state, cost: excess }], { how: 'force' })
  }

  /** Units of the share that are in use now. */
  used(id: StateId): number {
    const state = this.stateOf(id, this.share())
    return algorithmOf(state.limit).quota(state.limit) - this.remaining(state)
  }

  private stateOf({ limit, scope, subject }: StateId, share: number): Charge {
    return { limit: this.scale(limit, share), scope, subject, cost: 0 }
  }

  private remaining(state: Charge): number {
    const [outcome] = this.memory.consume([state], { how: 'peek' }) as Outcomes
    return outcome?.remaining ?? 0
  }

  private scale(limit: Limit, share: number): Limit {
    if (share === 1) return limit
    const known = this.scaled.get(limit)
    if (known?.share === share) return known.limit
    const scaled = algorithmOf(limit).scale(limit, share)
    this.scaled.set(limit, { share, limit: scaled })
    return scaled
  }
}

function localOutcome(outcome: Outcome, { cost, limit }: Charge, inDoubt: boolean): Outcome {
  const { receipt, retryAfter } = outcome
  // A cost above the share but not above the limit may be admitted when the store is back.
  const fitsLimit = retryAfter === Infinity && cost <= algorithmOf(limit).quota(limit)
  return {
    ...outcome,
    source: 'local',
    receipt: receipt === undefined ? undefined : localReceipt(receipt, inDoubt),
    retryAfter: fitsLimit ? RETRY_AFTER : retryAfter,
  }
}
