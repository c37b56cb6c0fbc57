import type { StoreError } from '../../store.ts'

/** Told by its shape: a store's package has an error class of its own. Whatever else is thrown is no failure of the store. */
export function isStoreError(error: unknown): error is StoreError {
  const { shard, batch, unknown } = (typeof error === 'object' && error !== null ? error : {}) as Partial<StoreError>
  return typeof shard === 'string' && typeof batch === 'number' && typeof unknown === 'boolean'
}
