import { concurrency, createLimiter, fixedWindow, isSluiceError, leakyBucket, memoryStore } from '@sluice/core'
import { slidingLog, slidingWindow, tokenBucket } from '@sluice/core'

/** The code and message of what `run` throws. */
export function refusal(run: () => unknown): { readonly code: string; readonly message: string } {
  try {
    run()
  } catch (error) {
    if (isSluiceError(error)) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('expected a refusal, got none')
}

/** The functions as JavaScript calls them, without the checks of the types. */
export const loose = {
  slidingWindow: slidingWindow as (o: object) => unknown,
  slidingLog: slidingLog as (o: object) => unknown,
  fixedWindow: fixedWindow as (o: object) => unknown,
  tokenBucket: tokenBucket as (o: object) => unknown,
  leakyBucket: leakyBucket as (o: object) => unknown,
  concurrency: concurrency as (o: object) => unknown,
  createLimiter: createLimiter as (o: object) => unknown,
  memoryStore: memoryStore as (o: object) => unknown,
}
/** A valid definition, of which each test changes one field. */
export const good = { name: 'a', limit: 10, window: '1m' } as const
