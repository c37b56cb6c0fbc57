import type { Store } from '../store.ts'

const OPTIONAL = ['block', 'shardOf', 'peekReplica', 'ready', 'close', 'health', 'subscribe', 'resetAll', 'generationOf'] as const

/**
 * Makes a layer from its own methods and, for the rest, those of the wrapped store. Optional methods are present only if one of the
 * two has them. The layer has the wrapped store's name.
 */
export function wrapStore(inner: Store, own: Pick<Store, 'consume' | 'reset'> & Partial<Store>): Store {
  const passed: Partial<Record<keyof Store, unknown>> = {}
  for (const name of OPTIONAL) {
    if (inner[name] !== undefined) passed[name] = inner[name].bind(inner)
  }
  return { ...(passed as Partial<Store>), ...own, name: inner.name, clock: inner.clock }
}
