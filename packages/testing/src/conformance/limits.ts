import { concurrency, fixedWindow, leakyBucket, type Limit, slidingLog, slidingWindow, tokenBucket } from '@sluice/core'

/** Units that each of these limits allows. */
export const QUOTA = 10
/** ms */
export const WINDOW = 10_000
export type Kind =
  | 'fixedWindow'
  | 'fixedWindow, first'
  | 'fixedWindow, day'
  | 'slidingWindow'
  | 'slidingLog'
  | 'tokenBucket'
  | 'leakyBucket, meter'
  | 'leakyBucket, queue'
  | 'concurrency'

const common = { name: 'ten', limit: QUOTA, window: WINDOW } as const

/** One limit of each kind: 10 units in 10 seconds. */
export const limits: Readonly<Record<Kind, Limit>> = {
  fixedWindow: fixedWindow(common).limit,
  'fixedWindow, first': fixedWindow({ ...common, anchor: 'first' }).limit,
  'fixedWindow, day': fixedWindow({ ...common, window: 'day', timeZone: 'Europe/Berlin' }).limit,
  slidingWindow: slidingWindow(common).limit,
  slidingLog: slidingLog(common).limit,
  tokenBucket: tokenBucket(common).limit,
  'leakyBucket, meter': leakyBucket(common).limit,
  'leakyBucket, queue': leakyBucket({ ...common, queue: true, burst: QUOTA, maxDelay: 60_000 }).limit,
  concurrency: concurrency({ name: 'ten', limit: QUOTA, ttl: WINDOW }).limit,
}

export const allLimits: readonly (readonly [Kind, Limit])[] = Object.entries(limits) as (readonly [Kind, Limit])[]

/** Limits whose cost may be more than 1: all but concurrency. */
export const meteredLimits: readonly (readonly [Kind, Limit])[] = allLimits.filter(([kind]) => kind !== 'concurrency')

/** Limits whose charges can be refunded only with a receipt. */
export const receiptOnlyLimits: readonly (readonly [Kind, Limit])[] = allLimits.filter(
  ([kind]) => kind !== 'tokenBucket' && kind !== 'leakyBucket, meter',
)

export const windowLimits: readonly (readonly [Kind, Limit])[] = allLimits.filter(
  ([, { algorithm }]) => algorithm === 'fixedWindow' || algorithm === 'slidingWindow',
)

/** The same limit with other fields. */
export function limitWith(limit: Limit, numbers: Partial<Limit>): Limit {
  return Object.freeze({ ...limit, ...numbers })
}
