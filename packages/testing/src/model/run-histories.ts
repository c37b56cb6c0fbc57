import type { Clock, MaybePromise, Store } from '@sluice/core'
import fc from 'fast-check'
import { histories } from './histories.ts'
import { type Family, families } from './history-limits.ts'
import { firstMismatch } from './replay.ts'

/** Steps of one history, at most. */
const LENGTH = 120
/** Histories between two looks at how many steps there were. */
const BATCH = 25

export const modelFamilies: readonly (Family | 'mixed')[] = [...(Object.keys(families) as Family[]), 'mixed']

/** What `modelProperty()` runs, without a test runner: for a store that is where none can be. Rejects at the first mismatch; resolves with the steps. */
export async function runHistories(
  family: Family | 'mixed',
  target: number,
  makeStore: (clock: Clock) => MaybePromise<Store>,
  { seed, charges }: { readonly seed?: number | undefined; readonly charges?: number | undefined } = {},
): Promise<number> {
  let steps = 0
  for (let batch = 0; steps < target; batch++) {
    const property = fc.asyncProperty(histories(family, LENGTH, charges), async (history) => {
      steps += history.steps.length
      const found = await firstMismatch(history, makeStore)
      if (found !== undefined) throw new Error(`step ${found.step}: ${found.message}`)
    })
    await fc.assert(property, { numRuns: BATCH, ...(seed === undefined ? {} : { seed: seed + batch }) })
  }
  return steps
}
