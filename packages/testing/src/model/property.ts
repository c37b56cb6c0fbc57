import type { Clock, MaybePromise, Store } from '@sluice/core'
import { describe, expect, test } from 'vitest'
import type { Family } from './history-limits.ts'
import { modelFamilies, runHistories } from './run-histories.ts'

export interface ModelPropertyOptions {
  /** Random steps for each algorithm; default 10,000, or the environment's SLUICE_FUZZ. */
  readonly steps?: number | undefined
  /** ms for each algorithm. */
  readonly timeout?: number | undefined
  /** Charges of one decision, at most; default 3. */
  readonly charges?: number | undefined
  /** Fixes what is random, to run a failure again; default the environment's SLUICE_SEED. */
  readonly seed?: number | undefined
  /** Only these, where a store decides all others as another does that is tested; default all. */
  readonly families?: readonly (Family | 'mixed')[] | undefined
}

/** Random histories against the model, every field of every outcome, and the promises of what was admitted meanwhile. */
export function modelProperty(name: string, makeStore: (clock: Clock) => MaybePromise<Store>, options: ModelPropertyOptions = {}): void {
  const target = options.steps ?? environment('SLUICE_FUZZ') ?? 10_000
  const seed = options.seed ?? environment('SLUICE_SEED')
  describe(`${name}: the model`, () => {
    for (const family of options.families ?? modelFamilies) {
      test(`${family}: ${target} random steps, every field, and the promise`, { timeout: options.timeout ?? 60_000 + target }, async () => {
        expect(await runHistories(family, target, makeStore, { seed, charges: options.charges })).toBeGreaterThanOrEqual(target)
      })
    }
  })
}

function environment(name: string): number | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } }
  const value = process?.env?.[name]
  return value === undefined || value === '' ? undefined : Number(value)
}
