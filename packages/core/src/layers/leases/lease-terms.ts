import { algorithmOf } from '../../algorithms/registry.ts'
import type { Limit } from '../../limit.ts'
import type { LeaseSettings } from './options.ts'

/** How long and how large the leases of one limit may be. */
export interface LeaseTerms {
  /** ms that a lease may live. */
  readonly ttl: number
  /** M: the most units that may be out on lease, in all processes together. */
  readonly ceiling: number
}

/** A window must hold this many leases, or most of them would end with it. */
const MIN_LEASES_PER_WINDOW = 4

/**
 * M = min(2·rate·ttl, maxPart·quota), from the descriptor of the algorithm. Returns `undefined` for a limit that is never leased. Its
 * algorithm is not leasable, M is less than 2, or its quota comes back within a few leases. Nor is one with a growing delay: a process
 * that holds a lease does not know what others use.
 */
export function leaseTerms(limit: Limit, { ttl, maxPart }: LeaseSettings): LeaseTerms | undefined {
  const algorithm = algorithmOf(limit)
  const seconds = algorithm.windowSeconds(limit)
  if (!algorithm.leasable || limit.delay !== undefined || seconds === undefined || seconds * 1_000 < MIN_LEASES_PER_WINDOW * ttl)
    return undefined
  const quota = algorithm.quota(limit)
  const ceiling = Math.floor(Math.min((2 * quota * ttl) / (seconds * 1_000), quota * maxPart))
  return ceiling < 2 ? undefined : { ttl, ceiling }
}
