import { concurrency, fixedWindow, leakyBucket, type Limit, slidingLog, slidingWindow, tokenBucket } from '@sluice/core'

/** Ten units in ten seconds, as each algorithm has it. */
export const TEN = 10
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

const common = { name: 'ten', limit: TEN, window: WINDOW } as const

export const limits: Readonly<Record<Kind, Limit>> = {
  fixedWindow: fixedWindow(common).limit,
  'fixedWindow, first': fixedWindow({ ...common, anchor: 'first' }).limit,
  'fixedWindow, day': fixedWindow({ ...common, window: 'day', timeZone: 'Europe/Berlin' }).limit,
  slidingWindow: slidingWindow(common).limit,
  slidingLog: slidingLog(common).limit,
  tokenBucket: tokenBucket(common).limit,
  'leakyBucket, meter': leakyBucket(common).limit,
  'leakyBucket, queue': leakyBucket({ ...common, queue: true, burst: TEN, maxDelay: 60_000 }).limit,
  concurrency: concurrency({ name: 'ten', limit: TEN, ttl: WINDOW }).limit,
}

export const every: readonly (readonly [Kind, Limit])[] = Object.entries(limits) as (readonly [Kind, Limit])[]

/** Those that count units, so that a cost may be more than 1. */
export const metered: readonly (readonly [Kind, Limit])[] = every.filter(([kind]) => kind !== 'concurrency')

/** Those whose admitted charges can only be given back by receipt. */
export const receipted: readonly (readonly [Kind, Limit])[] = every.filter(
  ([kind]) => kind !== 'tokenBucket' && kind !== 'leakyBucket, meter',
)

export const windows: readonly (readonly [Kind, Limit])[] = every.filter(
  ([, { algorithm }]) => algorithm === 'fixedWindow' || algorithm === 'slidingWindow',
)

/** The same limit with other numbers. */
export function changed(limit: Limit, numbers: Partial<Limit>): Limit {
  return Object.freeze({ ...limit, ...numbers })
}
