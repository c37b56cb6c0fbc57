import type { Limit } from '../limit.ts'
import type { Algorithm } from './algorithm.ts'
import { leakyBucket, tokenBucket } from './bucket.ts'
import { concurrency } from './concurrency.ts'
import { fixedWindow } from './fixed-window.ts'
import { slidingLog } from './sliding-log.ts'
import { slidingWindow } from './sliding-window.ts'

/** Every algorithm by its name. A new one is added here, and its name to `Limit['algorithm']`. */
export const algorithms: {
  readonly fixedWindow: typeof fixedWindow
  readonly slidingWindow: typeof slidingWindow
  readonly slidingLog: typeof slidingLog
  readonly tokenBucket: typeof tokenBucket
  readonly leakyBucket: typeof leakyBucket
  readonly concurrency: typeof concurrency
} = { fixedWindow, slidingWindow, slidingLog, tokenBucket, leakyBucket, concurrency }

/** The algorithm of a limit. The type of its state is unknown here: only its `step` reads it. */
export function algorithmOf(limit: Pick<Limit, 'algorithm'>): Algorithm {
  return algorithms[limit.algorithm]
}
