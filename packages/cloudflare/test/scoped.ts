import type { Charge, Store } from '@sluice/core'

let stores = 0

/** A store with scopes of its own on the objects of others: to make new objects for each test takes the time of several decisions. */
export function scoped(store: Store): Store {
  const own = `${++stores}!`
  const within = <T extends Pick<Charge, 'scope'>>(all: readonly T[]): readonly T[] =>
    all.map((one) => ({ ...one, scope: own + one.scope }))
  return {
    name: store.name,
    consume: (charges, options) => store.consume(within(charges), options),
    reset: (targets) => store.reset(within(targets)),
  }
}
