import { algorithmOf } from '../../algorithms/registry.ts'
import type { Clock } from '../../clock.ts'
import { MAX_SUBJECT_LENGTH } from '../../hashing/bounded-key.ts'
import type { Charge, Store } from '../../store.ts'
import { StateMap } from '../state-map.ts'
import type { LocalShare } from './local-share.ts'

/** ms before a state is read again. */
const READ_EVERY = 1_000
/** The most states that are remembered as read, and the most that wait to be read. */
const MAX_STATES = 10_000
/** States of one read. */
const BATCH = 64

/**
 * Reads from a replica, in the background, how many units the store had left. It reads a state at most once a second, and sends one read
 * at a time. The replica never decides. Its answers only lower the units that the local share starts with.
 */
export class ReplicaSeeder {
  private readonly store: Store
  private readonly clock: Required<Clock>
  private readonly localShare: LocalShare
  /** ms, monotonic: when each state was read last. */
  private readonly readAt = new StateMap<number>(MAX_STATES)
  private waiting: Charge[] = []
  private isReading = false

  constructor(store: Store, clock: Required<Clock>, localShare: LocalShare) {
    this.store = store
    this.clock = clock
    this.localShare = localShare
  }

  request(charges: readonly Charge[], now: number): void {
    for (const charge of charges) {
      if (this.waiting.length >= MAX_STATES) break
      if (algorithmOf(charge.limit).holds || charge.subject.length > MAX_SUBJECT_LENGTH) continue
      if (now - (this.readAt.get(charge) ?? -Infinity) < READ_EVERY) continue
      this.readAt.set(charge, now)
      this.waiting.push({ ...charge, cost: 0 })
    }
    if (this.isReading || this.waiting.length === 0) return
    this.isReading = true
    this.clock.after(0, () => void this.run())
  }

  private async run(): Promise<void> {
    try {
      while (this.waiting.length > 0) {
        const charges = this.waiting.splice(0, BATCH)
        const outcomes = (await this.store.peekReplica?.(charges)) ?? []
        for (const [i, charge] of charges.entries()) {
          const outcome = outcomes[i]
          if (outcome?.blocked === true) this.localShare.block([charge], outcome.retryAfter)
          else if (outcome !== undefined) this.localShare.seed(charge, outcome.remaining)
        }
      }
    } catch {
      // The replica is unreachable too, so subjects start with their full share.
      this.waiting = []
    } finally {
      this.isReading = false
    }
  }
}
