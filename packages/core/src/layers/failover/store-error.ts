import type { StoreError } from '../../store.ts'

/** Recognises a `StoreError` by its fields, since each store's package has its own class. Any other error is the caller's mistake. */
export function isStoreError(error: unknown): error is StoreError {
  const { shard, batch, unknown } = (typeof error === 'object' && error !== null ? error : {}) as Partial<StoreError>
  return typeof shard === 'string' && typeof batch === 'number' && typeof unknown === 'boolean'
}

/** Whether the charge was surely not made. */
export function isUndone(error: unknown): boolean {
  return isStoreError(error) && !error.unknown
}
