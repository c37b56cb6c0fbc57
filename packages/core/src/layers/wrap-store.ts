import type { Store } from '../store.ts'

const OPTIONAL = ['shardOf', 'peekReplica', 'close', 'health', 'subscribe'] as const

/**
 * A layer over a store: its own methods, and the wrapped store's for the rest. Optional methods are present only where the wrapped
 * store has them. Takes the wrapped store's name.
 */
export function wrapStore(inner: Store, own: Pick<Store, 'consume' | 'reset'> & Partial<Store>): Store {
  const passed: Partial<Record<keyof Store, unknown>> = {}
  for (const name of OPTIONAL) {
    if (inner[name] !== undefined) passed[name] = inner[name].bind(inner)
  }
  return { ...(passed as Partial<Store>), ...own, name: inner.name }
}
