import { algorithmOf } from '../../algorithms/registry.ts'
import { type Clock, systemClock } from '../../clock.ts'
import { invalid } from '../../errors.ts'
import type { Limit } from '../../limit.ts'
import { knownOptions } from '../../known-options.ts'
import type { Terms } from './lease-pool.ts'

export interface LeaseOptions {
  /** ms that a lease lives, ℓ: 50 to 5,000; default 250. The same in every process that shares the store. */
  readonly ttl?: number | undefined
  /** The part of a limit's quota that may be out on lease, all processes together: above 0, up to 1; default 0.1. The same in every process. */
  readonly maxPart?: number | undefined
  /** Decisions a second of one subject in this process from which on it is leased: 10 to 60,000; default 50. */
  readonly hot?: number | undefined
  /** The most subjects that are leased at a time, 1 to 100,000; default 1,000. One under three limits counts three times. */
  readonly maxSubjects?: number | undefined
  /** Of this process; default the system's. */
  readonly clock?: Clock | undefined
}

/** The options, checked, with their defaults. */
export interface LeaseSettings {
  readonly ttl: number
  readonly maxPart: number
  readonly hot: number
  readonly maxSubjects: number
  readonly clock: Clock
}

/** A window must hold this many leases, or most of them would end with it. */
const LEAST_TTLS = 4

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function leaseSettings(options: LeaseOptions): LeaseSettings {
  knownOptions('leases', options, ['ttl', 'maxPart', 'hot', 'maxSubjects', 'clock'])
  const { ttl = 250, maxPart = 0.1, hot = 50, maxSubjects = 1_000, clock = systemClock } = options
  if (!Number.isInteger(ttl) || ttl < 50 || ttl > 5_000) throw invalid('leases: ttl', 'whole ms from 50 to 5000', ttl)
  if (typeof maxPart !== 'number' || !(maxPart > 0 && maxPart <= 1)) throw invalid('leases: maxPart', 'a number above 0, up to 1', maxPart)
  if (!Number.isInteger(hot) || hot < 10 || hot > 60_000) throw invalid('leases: hot', 'a whole number from 10 to 60000', hot)
  if (!Number.isInteger(maxSubjects) || maxSubjects < 1 || maxSubjects > 100_000)
    throw invalid('leases: maxSubjects', 'a whole number from 1 to 100000', maxSubjects)
  if (typeof clock?.now !== 'function') throw invalid('leases: clock', 'an object with a function now()', clock)
  return { ttl, maxPart, hot, maxSubjects, clock }
}

/**
 * M = min(2·rate·ℓ, maxPart·B), from what the descriptor says of any algorithm; `undefined` for a limit that is never leased: by its
 * algorithm, since it is so small that a lease would be a unit, or since it is full again within a few leases.
 */
export function termsOf(limit: Limit, { ttl, maxPart }: LeaseSettings): Terms | undefined {
  const algorithm = algorithmOf(limit)
  const seconds = algorithm.windowSeconds(limit)
  if (!algorithm.leasable || seconds === undefined || seconds * 1_000 < LEAST_TTLS * ttl) return undefined
  const quota = algorithm.quota(limit)
  const ceiling = Math.floor(Math.min((2 * quota * ttl) / (seconds * 1_000), quota * maxPart))
  return ceiling < 2 ? undefined : { ttl, ceiling }
}
