import { algorithmOf } from '../../algorithms/registry.ts'
import type { Clock } from '../../clock.ts'
import type { Charge, Outcome, Store } from '../../store.ts'
import { Bounded, stateKey } from '../bounded.ts'

/** ms: a state is not read again within this time. */
const EVERY = 1_000
/** States remembered as read, or waiting to be. */
const MOST = 10_000
/** Read at once. */
const BATCH = 64

type Seed = (charge: Charge, left: number) => void

/**
 * Reads from a replica what the store had left, behind the requests: a state at most once a second, one reading at a time.
 * It never decides: what it finds only lowers where the local tier begins.
 */
export class ReplicaSeeder {
  private readonly look: NonNullable<Store['peekReplica']>
  private readonly clock: Required<Clock>
  private readonly seed: Seed
  private readonly read = new Bounded<number>(MOST)
  private waiting: Charge[] = []
  private isBusy = false

  constructor(look: NonNullable<Store['peekReplica']>, clock: Required<Clock>, seed: Seed) {
    this.look = look
    this.clock = clock
    this.seed = seed
  }

  ask(charges: readonly Charge[], now: number): void {
    for (const charge of charges) {
      const key = algorithmOf(charge.limit).holds ? undefined : stateKey(charge)
      if (key === undefined || this.waiting.length >= MOST || now - (this.read.get(key) ?? -Infinity) < EVERY) continue
      this.read.set(key, now)
      this.waiting.push({ ...charge, cost: 0 })
    }
    if (this.isBusy || this.waiting.length === 0) return
    this.isBusy = true
    this.clock.after(0, () => void this.run())
  }

  private async run(): Promise<void> {
    try {
      while (this.waiting.length > 0) {
        const charges = this.waiting.splice(0, BATCH)
        const outcomes = await this.look(charges)
        for (const [i, charge] of charges.entries()) this.take(charge, outcomes[i])
      }
    } catch {
      // A replica that is away too says nothing; then each begins with its share.
      this.waiting = []
    } finally {
      this.isBusy = false
    }
  }

  private take(charge: Charge, outcome: Outcome | undefined): void {
    if (outcome !== undefined) this.seed(charge, outcome.remaining)
  }
}
