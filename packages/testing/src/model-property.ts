import type { Clock, MaybePromise, Store } from '@sluice/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { histories } from './histories.ts'
import { type Family, families } from './histories-limits.ts'
import { firstMismatch } from './replay.ts'

export interface ModelPropertyOptions {
  /** Random steps for each algorithm; default 10,000, or the environment's SLUICE_FUZZ. */
  readonly steps?: number | undefined
  /** ms for each algorithm. */
  readonly timeout?: number | undefined
  /** Charges of one decision, at most; default 3. */
  readonly charges?: number | undefined
  /** Fixes what is random, to run a failure again; default the environment's SLUICE_SEED. */
  readonly seed?: number | undefined
}

/** Steps of one history, at most. */
const LENGTH = 120
/** Histories between two looks at how many steps there were. */
const BATCH = 25

/** Random histories against the model, every field of every outcome, and the promises of what was admitted meanwhile. */
export function modelProperty(name: string, makeStore: (clock: Clock) => MaybePromise<Store>, options: ModelPropertyOptions = {}): void {
  const target = options.steps ?? environment('SLUICE_FUZZ') ?? 10_000
  const seed = options.seed ?? environment('SLUICE_SEED')
  describe(`${name}: the model`, () => {
    for (const family of [...(Object.keys(families) as Family[]), 'mixed' as const]) {
      test(`${family}: ${target} random steps, every field, and the promise`, { timeout: options.timeout ?? 60_000 + target }, async () => {
        let steps = 0
        for (let batch = 0; steps < target; batch++) {
          const property = fc.asyncProperty(histories(family, LENGTH, options.charges), async (history) => {
            steps += history.steps.length
            const found = await firstMismatch(history, makeStore)
            if (found !== undefined) throw new Error(`step ${found.step}: ${found.message}`)
          })
          await fc.assert(property, { numRuns: BATCH, ...(seed === undefined ? {} : { seed: seed + batch }) })
        }
        expect(steps).toBeGreaterThanOrEqual(target)
      })
    }
  })
}

function environment(name: string): number | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } }
  const value = process?.env?.[name]
  return value === undefined || value === '' ? undefined : Number(value)
}
