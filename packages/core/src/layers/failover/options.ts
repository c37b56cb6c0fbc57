import { type Clock, completeClock, systemClock } from '../../clock.ts'
import { invalid } from '../../errors.ts'
import type { Events } from '../../events.ts'
import { knownOptions } from '../../known-options.ts'
import type { Store } from '../../store.ts'
import type { WaitUntil } from '../background.ts'

/**
 * Options of the failover layer, which decides while the store is unreachable, slow or refusing writes.
 *
 * @example
 * ```ts
 * import { redisStore } from '@sluice/redis'
 *
 * // Four processes: each admits a quarter of every limit while Redis is unreachable.
 * const store = redisStore({ url: 'redis://localhost:6379' }, { failover: { deadline: 50, instances: 4 } })
 * ```
 */
export interface FailoverOptions {
  /** How long a request waits for the store before it is decided locally: 1 to 10,000 ms; default 50. */
  readonly deadline?: number | undefined
  /**
   * The part of each limit that one process admits while the store is unreachable: a number above 0 and up to 1. The default
   * `'equal'` is 1 divided by the number of instances.
   */
  readonly share?: 'equal' | number | undefined
  /**
   * The number of instances until the store reports it, and wherever it cannot count them: 1 to 1,000,000; default 1, with the
   * warning `WARN_INSTANCES_UNKNOWN`.
   */
  readonly instances?: number | undefined
  /**
   * What happens when the store is back. `'charge'` (default) charges the units of the local share that are in use at that moment.
   * `'forget'` charges nothing.
   */
  readonly reconcile?: 'charge' | 'forget' | undefined
  /**
   * The most subjects kept in memory while the store is unreachable: 1 to 16,000,000; default 100,000. A subject counts once for
   * each of its limits.
   */
  readonly maxSubjects?: number | undefined
}

/** How the instances that share a store count each other. A store's package implements it. */
export interface Presence {
  /** Marks this instance as running, and resolves to the number of running instances. */
  heartbeat(): Promise<number>
  /** Removes this instance from the count. */
  leave(): Promise<void>
}

/** What the package of a store passes to the failover layer, besides the options of its users. */
export interface FailoverParts {
  /** The clock of this process; default: the system's. */
  readonly clock?: Clock | undefined
  /** How instances count each other. Without it, their number is the option `instances`. */
  readonly presence?: Presence | undefined
  /** Resolves when the store can decide. Rejects with a `StoreError`, within 1.5 s, that says why it cannot. Called at the start. */
  readonly reach?: (() => Promise<void>) | undefined
  /**
   * For a runtime that ends timers and I/O with the request that began them, such as Cloudflare Workers: keeps work after the response.
   * Probes, give-backs and the deficit are then sent by later requests. `presence`, `reach` and replicas are not used.
   */
  readonly waitUntil?: WaitUntil | undefined
}

/** The options, checked, with their defaults. */
export interface FailoverSettings {
  readonly deadline: number
  readonly share: 'equal' | number
  readonly instances: number | undefined
  readonly reconcile: 'charge' | 'forget'
  readonly maxSubjects: number
  readonly clock: Required<Clock>
  readonly waitUntil: WaitUntil | undefined
}

/** What every part of the layer works with. */
export interface FailoverContext {
  readonly store: Store
  readonly settings: FailoverSettings
  readonly events: Events
}

const MAX_DEADLINE = 10_000
const MAX_INSTANCES = 1_000_000
const MAX_SUBJECTS = 16_000_000

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function failoverSettings(options: FailoverOptions, { clock = systemClock, waitUntil }: FailoverParts): FailoverSettings {
  knownOptions('failover', options, ['deadline', 'share', 'instances', 'reconcile', 'maxSubjects'])
  const { deadline = 50, share = 'equal', instances, reconcile = 'charge', maxSubjects = 100_000 } = options
  if (typeof deadline !== 'number' || !(deadline >= 1 && deadline <= MAX_DEADLINE))
    throw invalid('failover: deadline', `1 to ${MAX_DEADLINE} ms`, deadline)
  if (share !== 'equal' && (typeof share !== 'number' || !(share > 0 && share <= 1)))
    throw invalid('failover: share', "'equal', or a number above 0 and up to 1", share)
  if (instances !== undefined && (!Number.isInteger(instances) || instances < 1 || instances > MAX_INSTANCES))
    throw invalid('failover: instances', `a whole number from 1 to ${MAX_INSTANCES}`, instances)
  if (reconcile !== 'charge' && reconcile !== 'forget') throw invalid('failover: reconcile', "'charge' or 'forget'", reconcile)
  if (!Number.isInteger(maxSubjects) || maxSubjects < 1 || maxSubjects > MAX_SUBJECTS)
    throw invalid('failover: maxSubjects', `a whole number from 1 to ${MAX_SUBJECTS}`, maxSubjects)
  return { deadline, share, instances, reconcile, maxSubjects, clock: completeClock(clock), waitUntil }
}
