import { algorithmOf } from '../../algorithms/registry.ts'
import type { Charge, Outcome } from '../../store.ts'
import { type StateId, StateMap } from '../state-map.ts'

/** States that are remembered. */
const MAX_STATES = 10_000
/** ms before an outage: an older observation says too little about what is left. */
const RECENT = 1_000

interface Observation {
  /** ms, monotonic. */
  readonly at: number
  readonly quota: number
  readonly remaining: number
  readonly nextAfter: number
  readonly resetAfter: number
}

/** The last answers of the store about subjects with less than half of their limit left: the local share begins with those. */
export class LastSeen {
  private readonly states = new StateMap<Observation>(MAX_STATES)

  observe(charge: Charge, { remaining, nextAfter, resetAfter }: Outcome, monotonic: () => number): void {
    const algorithm = algorithmOf(charge.limit)
    const quota = algorithm.quota(charge.limit)
    // Holders do not come back with time, so nothing follows from how many there were.
    if (remaining * 2 >= quota || algorithm.holds) return
    this.states.set(charge, { at: monotonic(), quota, remaining, nextAfter, resetAfter })
  }

  /** Units left by now, if observed within the second before the outage. Only once for each state: then the local share counts. */
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
