// What several processes may admit together, and how far they exceeded it.
import type { LeaseOptions, Limit } from '@sluice/core'
import { type Admission, checkEnvelope } from '@sluice/testing'

/** M of docs/redis.md: the most units that may be leased. For limits whose window is a number. */
export function ceilingOf(limit: Limit, { ttl = 250, maxPart = 0.1 }: LeaseOptions): number {
  return Math.floor(Math.min((2 * limit.limit * ttl) / Number(limit.window), maxPart * quotaOf(limit)))
}

function quotaOf({ burst, limit }: Limit): number {
  return burst ?? limit
}

/** Units above the bound in the worst interval. A bucket may exceed its promise by min(rate·ℓ, M) for leases, a window by nothing. */
export function excessOf(limit: Limit, admissions: readonly Admission[], leases: LeaseOptions | false): number {
  const bound =
    limit.algorithm === 'tokenBucket' && leases !== false ? { ...limit, burst: quotaOf(limit) + leaseAllowance(limit, leases) } : limit
  return checkEnvelope(bound, admissions).reduce((most, { admitted, bound: allowed }) => Math.max(most, admitted - allowed), 0)
}

function leaseAllowance(limit: Limit, leases: LeaseOptions): number {
  const { ttl = 250 } = leases
  return Math.min(Math.floor((limit.limit * ttl) / Number(limit.window)), ceilingOf(limit, leases))
}
