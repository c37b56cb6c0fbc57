import { SluiceError, type StoreError } from '@sluice/core'

/** What the store rejects with when it could not decide. */
export class DurableObjectStoreError extends SluiceError implements StoreError {
  /** It may have been charged: no answer came. */
  readonly unknown: boolean
  /** The object has more to do than it can: more objects would help, trying again would not. */
  readonly overloaded: boolean
  /** The name of the object. */
  readonly shard: string
  /** Of the batch: the same for all that it carried. */
  readonly batch: number

  /** `unknown` where more is known than the cause says. */
  constructor(cause: unknown, shard: string, batch: number, unknown?: boolean) {
    const message = cause instanceof Error ? cause.message : String(cause)
    super('ERR_STORE_UNAVAILABLE', `the Durable Object could not decide: ${message}`, { cause })
    this.overloaded = typeof cause === 'object' && cause !== null && 'overloaded' in cause && cause.overloaded === true
    // An object that is reset in the middle, for its memory or its CPU time, is overloaded too: only what was still queued has not run.
    this.unknown = unknown ?? !(this.overloaded && /\bqueued\b/.test(message))
    this.shard = shard
    this.batch = batch
  }
}

let commands = 0
/** The number of a command that is about to be sent. */
export function nextCommand(): number {
  return ++commands
}
