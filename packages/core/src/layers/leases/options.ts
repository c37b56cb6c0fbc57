import { type Clock, systemClock } from '../../clock.ts'
import { invalid } from '../../errors.ts'
import { knownOptions } from '../../known-options.ts'
import type { WaitUntil } from '../background.ts'

/**
 * Options of leases: units of hot subjects that a process takes ahead, and spends without asking the store.
 *
 * @example
 * ```ts
 * import { redisStore } from '@sluice/redis'
 *
 * const store = redisStore({ url: 'redis://localhost:6379' }, { leases: { ttl: 500, maxPart: 0.2 } })
 * // When the server has closed: await store.close?.() gives back what was not spent.
 * ```
 */
export interface LeaseOptions {
  /** How long a lease lives: 50 to 5,000 ms; default 250. Must be the same in every process that shares the store. */
  readonly ttl?: number | undefined
  /**
   * The part of a limit's quota that all processes together may have on lease: a number above 0 and up to 1; default 0.1. Must be the
   * same in every process.
   */
  readonly maxPart?: number | undefined
  /** A subject is leased from this many decisions a second in this process: 10 to 60,000; default 50. */
  readonly hot?: number | undefined
  /** The most subjects that are leased at a time: 1 to 100,000; default 1,000. A subject counts once for each of its limits. */
  readonly maxSubjects?: number | undefined
  /** The clock of this process, for tests; default: the system's. */
  readonly clock?: Clock | undefined
}

/** The options, checked, with their defaults. */
export interface LeaseSettings {
  readonly ttl: number
  readonly maxPart: number
  readonly hot: number
  readonly maxSubjects: number
  readonly clock: Clock
  readonly waitUntil: WaitUntil | undefined
}

/** What the package of a store passes to the layer, besides the options of its users. */
export interface LeaseParts {
  /** As in `FailoverParts`: leases are then given back by later requests. */
  readonly waitUntil?: WaitUntil | undefined
}

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function leaseSettings(options: LeaseOptions, { waitUntil }: LeaseParts = {}): LeaseSettings {
  knownOptions('leases', options, ['ttl', 'maxPart', 'hot', 'maxSubjects', 'clock'])
  const { ttl = 250, maxPart = 0.1, hot = 50, maxSubjects = 1_000, clock = systemClock } = options
  if (!Number.isInteger(ttl) || ttl < 50 || ttl > 5_000) throw invalid('leases: ttl', 'whole ms from 50 to 5000', ttl)
  if (typeof maxPart !== 'number' || !(maxPart > 0 && maxPart <= 1))
    throw invalid('leases: maxPart', 'a number above 0 and up to 1', maxPart)
  if (!Number.isInteger(hot) || hot < 10 || hot > 60_000) throw invalid('leases: hot', 'a whole number from 10 to 60000', hot)
  if (!Number.isInteger(maxSubjects) || maxSubjects < 1 || maxSubjects > 100_000)
    throw invalid('leases: maxSubjects', 'a whole number from 1 to 100000', maxSubjects)
  if (typeof clock?.now !== 'function') throw invalid('leases: clock', 'an object with a function now()', clock)
  return { ttl, maxPart, hot, maxSubjects, clock, waitUntil }
}
