import { type Clock, systemClock } from '../../clock.ts'
import { invalid } from '../../errors.ts'
import { knownOptions } from '../../known-options.ts'
import type { Presence } from './instance-count.ts'

export interface FailoverOptions {
  /** ms that a request waits for the store, 1 to 10,000; default 50. */
  readonly deadline?: number | undefined
  /** The part of each limit that one process admits while the store is away: `equal` (default), one over the number of processes; or a number above 0, up to 1. */
  readonly share?: 'equal' | number | undefined
  /** The number of processes until the store has told it, 1 to 1,000,000; default 1, which is warned of. */
  readonly instances?: number | undefined
  /** When the store is back: `charge` (default) takes there what the local tier lacks then; `forget` takes nothing. */
  readonly reconcile?: 'charge' | 'forget' | undefined
  /** The most subjects that are held while the store is away, 1 to 16,000,000; default 100,000. One under three limits counts three times. */
  readonly maxSubjects?: number | undefined
}

/** What the package of a store gives beside its users' options. */
export interface FailoverParts {
  readonly clock?: Clock | undefined
  /** How processes count each other; without it `instances` says how many there are. */
  readonly presence?: Presence | undefined
}

/** The options, checked, with their defaults. */
export interface FailoverSettings {
  readonly deadline: number
  readonly share: 'equal' | number
  readonly instances: number | undefined
  readonly reconcile: 'charge' | 'forget'
  readonly maxSubjects: number
  readonly clock: Required<Clock>
}

const LONGEST_DEADLINE = 10_000
const MOST_INSTANCES = 1_000_000

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function failoverSettings(options: FailoverOptions, { clock = systemClock }: FailoverParts): FailoverSettings {
  knownOptions('failover', options, ['deadline', 'share', 'instances', 'reconcile', 'maxSubjects'])
  const { deadline = 50, share = 'equal', instances, reconcile = 'charge', maxSubjects = 100_000 } = options
  if (typeof deadline !== 'number' || !(deadline >= 1 && deadline <= LONGEST_DEADLINE))
    throw invalid('failover: deadline', `1 to ${LONGEST_DEADLINE} ms`, deadline)
  if (share !== 'equal' && (typeof share !== 'number' || !(share > 0 && share <= 1)))
    throw invalid('failover: share', "'equal', or a number above 0 and up to 1", share)
  if (instances !== undefined && (!Number.isInteger(instances) || instances < 1 || instances > MOST_INSTANCES))
    throw invalid('failover: instances', `a whole number from 1 to ${MOST_INSTANCES}`, instances)
  if (reconcile !== 'charge' && reconcile !== 'forget') throw invalid('failover: reconcile', "'charge' or 'forget'", reconcile)
  if (!Number.isInteger(maxSubjects) || maxSubjects < 1 || maxSubjects > 16_000_000)
    throw invalid('failover: maxSubjects', 'a whole number from 1 to 16000000', maxSubjects)
  return { deadline, share, instances, reconcile, maxSubjects, clock: whole(clock) }
}

/** A clock that only tells the time of day leaves the rest to the system. */
function whole(clock: Clock): Required<Clock> {
  return {
    now: () => clock.now(),
    monotonic: clock.monotonic === undefined ? systemClock.monotonic : () => clock.monotonic?.() ?? 0,
    after: clock.after === undefined ? systemClock.after : (ms, run) => clock.after?.(ms, run) ?? (() => undefined),
  }
}
