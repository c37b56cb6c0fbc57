import { SluiceError, type StoreError } from '@sluice/core'

/** The store could not decide: code `ERR_STORE_UNAVAILABLE`, with the runtime's error as `cause`. */
export class DurableObjectStoreError extends SluiceError implements StoreError {
  /** True: the charge may have been made, because no answer came. False: it was not made. */
  readonly unknown: boolean
  /** The object has more requests than it can decide. More objects help; a retry does not. */
  readonly overloaded: boolean
  /** The name of the object, such as `sluice.64/17`. */
  readonly shard: string
  /** The number of the batch: the same for every decision in it, so that a failed batch counts once. */
  readonly batch: number

  /** @param unknown default: derived from the cause */
  constructor(cause: unknown, shard: string, batch: number, unknown?: boolean) {
    const message = cause instanceof Error ? cause.message : String(cause)
    super('ERR_STORE_UNAVAILABLE', `the Durable Object could not decide: ${message}`, { cause })
    this.overloaded = typeof cause === 'object' && cause !== null && 'overloaded' in cause && cause.overloaded === true
    // The runtime also reports `overloaded` for an object that it resets because of memory or CPU time. Such a charge may have run.
    // Only a charge that was still queued has not.
    this.unknown = unknown ?? !(this.overloaded && /\bqueued\b/.test(message))
    this.shard = shard
    this.batch = batch
  }
}

let batches = 0
/** The number of the next batch. */
export function nextBatchNumber(): number {
  return ++batches
}
