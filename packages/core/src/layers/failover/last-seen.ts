import { algorithmOf } from '../../algorithms/registry.ts'
import type { Charge, Outcome } from '../../store.ts'
import { Bounded, stateKey } from '../bounded.ts'

/** Subjects whose last state is remembered; of more, those seen longest ago are forgotten. */
const MOST = 10_000
/** ms: a state that was seen longer before the store went away says too little. */
const RECENT = 1_000

interface Seen {
  /** ms, monotonic. */
  readonly at: number
  readonly quota: number
  readonly remaining: number
  readonly nextAfter: number
  readonly resetAfter: number
}

/** What the store said last of the subjects that had little left: where the local tier begins with them. */
export class LastSeen {
  private readonly seen = new Bounded<Seen>(MOST)

  see(charge: Charge, { remaining, nextAfter, resetAfter }: Outcome, now: () => number): void {
    const algorithm = algorithmOf(charge.limit)
    const quota = algorithm.quota(charge.limit)
    // Holders are not units that come back with time: nothing can be said of them later.
    if (remaining * 2 >= quota || algorithm.holds) return
    const key = stateKey(charge)
    if (key !== undefined) this.seen.set(key, { at: now(), quota, remaining, nextAfter, resetAfter })
  }

  /** Units left by now, if they were seen within the second before `since`. Told once: from then on the local tier counts. */
  take(charge: Charge, since: number, now: number): number | undefined {
    if (this.seen.size === 0) return undefined
    const seen = this.seen.take(stateKey(charge) ?? '')
    return seen === undefined || seen.at < since - RECENT ? undefined : leftBy(seen, now)
  }

  forget(target: Pick<Charge, 'limit' | 'scope' | 'subject'>): void {
    this.seen.delete(stateKey(target) ?? '')
  }
}

/** Units come back from `nextAfter` on, evenly until `resetAfter`: exact for windows, where both are their end, and for buckets. */
function leftBy({ at, quota, remaining, nextAfter, resetAfter }: Seen, now: number): number {
  const passed = now - at
  if (passed >= resetAfter) return quota
  if (passed < nextAfter) return remaining
  const rest = resetAfter - nextAfter
  return Math.min(quota, remaining + 1 + Math.floor(rest > 0 ? ((quota - remaining - 1) * (passed - nextAfter)) / rest : 0))
}
