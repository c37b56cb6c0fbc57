import type { Clock, MaybePromise, Store } from '@sluice/core'
import { describe, expect, test } from 'vitest'
import type { BlockPlace } from './blocks.ts'
import type { Family } from './history-limits.ts'
import { modelFamilies, runHistories } from './run-histories.ts'

/** Options of `modelProperty()`. */
export interface ModelPropertyOptions {
  /** Number of random steps for each family. Default: the environment variable SLUICE_FUZZ, else 10,000. */
  readonly steps?: number | undefined
  /**
   * A share of these steps, above 0 to 1: for a variant of a store whose steps another test walks in full. `npm run test:all` walks ten times as
   * many of both. Default: 1.
   */
  readonly share?: number | undefined
  /** Time limit for each family in ms. Default: 60,000 plus five for each step. */
  readonly timeout?: number | undefined
  /** Maximum number of charges in a decision. Default 3. */
  readonly charges?: number | undefined
  /** Seed that repeats a failed run. Default: the environment variable SLUICE_SEED, else random. */
  readonly seed?: number | undefined
  /** What the store keeps the block of a limit apart by. Default: nothing, so that a block holds for the whole policy. */
  readonly blockPlaceOf?: BlockPlace
  /** Families to test. Default: all but those of which a region uses a part. */
  readonly families?: readonly (Family | 'mixed')[] | undefined
}

/**
 * Registers Vitest tests that play random histories on a store and on the reference model. They compare every field of every
 * outcome, and check that no limit admits more than it promises. Call it next to `storeConformance()`.
 *
 * @param name title of the tests
 * @param makeStore creates a new, empty store that reads time from the clock, once for each history
 *
 * @example
 * ```ts
 * import { memoryStore } from '@sluice/core'
 * import { modelProperty } from '@sluice/testing'
 *
 * modelProperty('memoryStore', (clock) => memoryStore({ clock }), { steps: 2_000 })
 * ```
 */
export function modelProperty(name: string, makeStore: (clock: Clock) => MaybePromise<Store>, options: ModelPropertyOptions = {}): void {
  const target = options.steps ?? Math.ceil((environment('SLUICE_FUZZ') ?? 10_000) * (options.share ?? 1))
  const seed = options.seed ?? environment('SLUICE_SEED')
  describe(`${name}: the model`, () => {
    for (const family of options.families ?? modelFamilies) {
      test(
        `${family}: ${target} random steps give the model's outcomes and keep the promise`,
        { timeout: options.timeout ?? 60_000 + 5 * target },
        async () => {
          expect(
            await runHistories(family, target, makeStore, { seed, charges: options.charges, blockPlaceOf: options.blockPlaceOf }),
          ).toBeGreaterThanOrEqual(target)
        },
      )
    }
  })
}

function environment(name: string): number | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } }
  const value = process?.env?.[name]
  return value === undefined || value === '' ? undefined : Number(value)
}
