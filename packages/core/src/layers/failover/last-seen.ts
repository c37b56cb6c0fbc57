import { algorithmOf } from '../../algorithms/registry.ts'
import type { Charge, Outcome } from '../../store.ts'
import { type StateId, StateMap } from '../state-map.ts'

/** States that are remembered. */
const MAX_STATES = 10_000
/** ms before an outage. An older observation says too little about the units that are left. */
const RECENT = 1_000

interface Observation {
  /** ms, monotonic. */
  readonly at: number
  readonly quota: number
  readonly remaining: number
  readonly nextAfter: number
  readonly resetAfter: number
}

/** The store's last answers for subjects with less than half of their limit left. The local share of those starts from them. */
export class LastSeen {
  private readonly states = new StateMap<Observation>(MAX_STATES)

  observe(charge: Charge, { remaining, nextAfter, resetAfter }: Outcome, monotonic: () => number): void {
    const algorithm = algorithmOf(charge.limit)
    const quota = algorithm.quota(charge.limit)
    // Holders are not freed by time alone, so their last number says nothing about later.
    if (remaining * 2 >= quota || algorithm.holds) return
    this.states.set(charge, { at: monotonic(), quota, remaining, nextAfter, resetAfter })
  }

  /** Units left by now, if the state was observed in the second before the outage. Returned once: then the local share counts. */
  take(id: StateId, outageSince: number, now: number): number | undefined {
    if (this.states.size === 0) return undefined
    const observation = this.states.take(id)
    return observation === undefined || observation.at < outageSince - RECENT ? undefined : leftBy(observation, now)
  }

  forget(id: StateId): void {
    this.states.take(id)
  }
}

/** Units come back from `nextAfter` on, evenly until `resetAfter`: exact for buckets, and for windows, where both are the window's end. */
function leftBy({ at, quota, remaining, nextAfter, resetAfter }: Observation, now: number): number {
  const passed = now - at
  if (passed >= resetAfter) return quota
  if (passed < nextAfter) return remaining
  const rest = resetAfter - nextAfter
  return Math.min(quota, remaining + 1 + Math.floor(rest > 0 ? ((quota - remaining - 1) * (passed - nextAfter)) / rest : 0))
}
