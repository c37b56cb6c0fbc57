import type { BlockChange, Charge, ConsumeOptions, MaybePromise, Outcome, Store } from '@sluice/core'
import { isPromise } from '@sluice/core/store-kit'

/**
 * The same store. It reports each completed change other than a decision, as `refund 1`, `renew`, `credit 2` or `force 2`, so that a test can
 * wait for the change instead of a time.
 */
export function observedStore(store: Store, report: (change: string) => void): Store {
  const reportChanges = (charges: readonly Charge[], options: ConsumeOptions | undefined) => {
    for (const { cost, receipt } of charges) {
      if (cost < 0) report(`${options?.how === 'credit' ? 'credit' : 'refund'} ${-cost}`)
      else if (receipt !== undefined) report('renew')
      else if (options?.how === 'force') report(`force ${cost}`)
    }
  }
  const consume = (charges: readonly Charge[], options?: ConsumeOptions): MaybePromise<readonly (Outcome | undefined)[]> => {
    const outcomes = store.consume(charges, options)
    if (!isPromise(outcomes)) {
      reportChanges(charges, options)
      return outcomes
    }
    return outcomes.then((resolved) => {
      reportChanges(charges, options)
      return resolved
    })
  }
  return {
    name: store.name,
    clock: store.clock,
    consume,
    reset: (targets) => store.reset(targets),
    ...(store.block && { block: (targets, ms) => store.block?.(targets, ms) as MaybePromise<BlockChange> }),
    ...(store.resetAll && {
      resetAll: (limiter) => store.resetAll?.(limiter),
      generationOf: (limiter) => store.generationOf?.(limiter) ?? '',
    }),
    close: () => store.close?.(),
    health: () => store.health?.() ?? { tier: store.name, breaker: 'closed' },
    subscribe: (listener) => store.subscribe?.(listener) ?? (() => undefined),
  }
}
