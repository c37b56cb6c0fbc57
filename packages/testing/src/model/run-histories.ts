import type { Clock, MaybePromise, Store } from '@sluice/core'
import fc from 'fast-check'
import type { BlockPlace } from './blocks.ts'
import { histories } from './histories.ts'
import { type Family, families, RIGHTS_FAMILIES } from './history-limits.ts'
import { firstMismatch } from './replay.ts'

/** Maximum number of steps in a history. */
const MAX_STEPS = 120
/** Number of histories after which the steps are counted. */
const BATCH = 25

/** Every family of limits that factories make, and `mixed`: histories over limits of different families. */
export const modelFamilies: readonly (Family | 'mixed')[] = [
  ...(Object.keys(families) as Family[]).filter((family) => !RIGHTS_FAMILIES.includes(family)),
  'mixed',
]

/** How histories are made and judged. */
interface HistoryOptions {
  readonly seed?: number | undefined
  readonly charges?: number | undefined
  readonly blockPlaceOf?: BlockPlace
}

/**
 * Plays random histories until `target` steps have run. `modelProperty()` calls it; call it directly for a store that runs
 * where no test runner does, such as workerd.
 *
 * @returns the number of steps that ran; rejects at the first mismatch
 *
 * @example
 * ```ts
 * import { memoryStore } from '@sluice/core'
 * import { runHistories } from '@sluice/testing/model'
 *
 * const steps = await runHistories('slidingWindow', 10_000, (clock) => memoryStore({ clock }), { seed: 7 })
 * ```
 */
export async function runHistories(
  family: Family | 'mixed',
  target: number,
  makeStore: (clock: Clock) => MaybePromise<Store>,
  { seed, charges, blockPlaceOf }: HistoryOptions = {},
): Promise<number> {
  let steps = 0
  for (let batch = 0; steps < target; batch++) {
    const property = fc.asyncProperty(histories(family, MAX_STEPS, charges), async (history) => {
      steps += history.steps.length
      const found = await firstMismatch(history, makeStore, blockPlaceOf)
      if (found !== undefined) throw new Error(`step ${found.step}: ${found.message}`)
    })
    await fc.assert(property, { numRuns: BATCH, ...(seed === undefined ? {} : { seed: seed + batch }) })
  }
  return steps
}
