import { type Charge, type ConsumeOptions, type Outcome, SluiceError, type Store, systemClock } from '@sluice/core'
import { type Events, wrapStore } from '@sluice/core/store-kit'
import type { Connection } from '../client/connect.ts'
import type { DecisionListener } from '../executor.ts'
import type { Keys } from '../keys.ts'
import type { Settings } from '../options.ts'
import { RegionScripts } from './redis-region-storage.ts'
import { TransferScripts } from './transfer-scripts.ts'

/** The parts of a store that its layer of regions uses. */
export interface RegionParts {
  readonly connection: Connection
  readonly keys: Keys
  readonly events: Events
  /** Calls the listener with each decision that changes counts, before its caller has the answer. */
  listen(this: void, listener: DecisionListener): void
  /** Resolves when the layout of the data has been checked. `undefined`: it has. */
  prepared(this: void): Promise<void> | undefined
}

/**
 * The store in its region, which shares limits with those of other regions. The layers that decide in this process are above it: what they
 * take of the store counts here.
 */
export function withRegions(store: Store, { regions, clock = systemClock }: Settings, parts: RegionParts): Store {
  if (regions === undefined) return store
  const { events } = parts
  const testClock = clock === systemClock ? undefined : clock
  const transfers = new TransferScripts(parts, testClock)
  const link = regions.attach({ storage: new RegionScripts(parts, testClock), transfers, clock, events })
  // Not by the promise of the answer: that would be another promise for each decision.
  parts.listen((charges, outcomes) => link.decided(charges, outcomes))
  link.start()
  return wrapStore(store, {
    consume(charges: readonly Charge[], options?: ConsumeOptions): Promise<readonly (Outcome | undefined)[]> {
      let decided: readonly Charge[]
      try {
        decided = link.chargesOf(charges, options)
      } catch (error) {
        return Promise.reject(error)
      }
      const answer = store.consume(decided, options) as Promise<readonly (Outcome | undefined)[]>
      const { answerOf } = link
      return answerOf === undefined || options?.how === 'peek' ? answer : answer.then((outcomes) => answerOf(decided, outcomes))
    },
    async reset(targets) {
      const kept = link.keptTargets(targets)
      const rest = kept.length === 0 ? targets : targets.filter((target) => !kept.includes(target))
      const found = await Promise.all([link.resetKept(kept), store.reset(rest)])
      await link.reset(rest)
      return found.includes(true)
    },
    async resetAll(limiter) {
      if (regions.policy(limiter).mode !== 'local') throw resetAllUnsupported(limiter)
      await store.resetAll?.(limiter)
    },
    health: () => ({ ...(store.health?.() ?? { tier: store.name, breaker: 'closed' }), regions: link.report() }),
    async close() {
      await link.close()
      await transfers.close()
      await store.close?.()
    },
  })
}

/** Each region would begin a generation of its own, so its counts and those of the others would be of different limiters. */
function resetAllUnsupported(limiter: string): SluiceError {
  return new SluiceError(
    'ERR_RESET_ALL_UNSUPPORTED',
    `limiter "${limiter}": resetAll: expected a limiter whose mode is "local", since the regions would no longer share its counts; ` +
      'reset each subject, or give the limiter another name in every region',
  )
}
