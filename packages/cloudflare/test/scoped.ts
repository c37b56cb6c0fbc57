import type { BlockChange, Charge, MaybePromise, Store } from '@sluice/core'

let stores = 0

/** A store with scopes of its own on shared objects. New objects for each test would take the time of several decisions. */
export function scoped(store: Store): Store {
  const own = `${++stores}!`
  const inScope = <T extends Pick<Charge, 'scope'>>(all: readonly T[]): readonly T[] =>
    all.map((one) => ({ ...one, scope: own + one.scope }))
  return {
    name: store.name,
    consume: (charges, options) => store.consume(inScope(charges), options),
    reset: (targets) => store.reset(inScope(targets)),
    ...(store.block && { block: (targets, ms) => store.block?.(inScope(targets), ms) as MaybePromise<BlockChange> }),
  }
}
