import type { StoreError } from '../../store.ts'

/** Recognised by its shape, since each store's package has its own error class. Any other error is the caller's. */
export function isStoreError(error: unknown): error is StoreError {
  const { shard, batch, unknown } = (typeof error === 'object' && error !== null ? error : {}) as Partial<StoreError>
  return typeof shard === 'string' && typeof batch === 'number' && typeof unknown === 'boolean'
}

/** The charge was surely not made. */
export function isUndone(error: unknown): boolean {
  return isStoreError(error) && !error.unknown
}
