import { SluiceError, type StoreError, type StoreRefusal } from '@sluice/core'

export type RedisAnswer = 'loading' | 'readonly' | 'oom' | 'noperm'
const REFUSALS: Readonly<Record<RedisAnswer, StoreRefusal>> = {
  loading: 'starting',
  readonly: 'unwritable',
  oom: 'unwritable',
  noperm: 'forbidden',
}
const ANSWERS: readonly (readonly [prefix: string, answer: RedisAnswer])[] = [
  ['LOADING', 'loading'],
  ['READONLY', 'readonly'],
  ['OOM', 'oom'],
  // No writes there either, while reads go on: a disk that is full, replicas that are missing.
  ['MISCONF', 'oom'],
  ['NOREPLICAS', 'oom'],
  ['NOPERM', 'noperm'],
  // The same, told inside of a script.
  ["ERR The user executing the script can't", 'noperm'],
]
// The server, or the client before it sent anything, said so: nothing has run. "Connection is closed" is not among them: that
// is also said of a command that was sent.
const NOT_RUN =
  /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|CROSSSLOT|NOAUTH|WRONGPASS|NOSCRIPT|MASTERDOWN|MISCONF|NOREPLICAS|BUSY|ERR max number of clients)\b|^Stream isn't writeable|^Cluster isn't ready/

/** What the store rejects with when it could not decide: whether it may have run, and what the server answered, if it did. */
export class RedisStoreError extends SluiceError implements StoreError {
  readonly unknown: boolean
  readonly answer: RedisAnswer | undefined
  readonly refusal: StoreRefusal | undefined
  readonly shard: string
  /** Of the batch: the same for all that it carried. */
  readonly batch: number

  /** `unknown` where more is known than the cause says. */
  constructor(cause: unknown, shard: string, batch: number, unknown?: boolean) {
    const message = messageOf(cause)
    super('ERR_STORE_UNAVAILABLE', `Redis could not decide: ${message}`, { cause })
    this.answer = answerOf(message)
    this.refusal = this.answer && REFUSALS[this.answer]
    this.unknown = unknown ?? (this.answer === undefined && !NOT_RUN.test(message))
    this.shard = shard
    this.batch = batch
  }
}

let commands = 0
/** The number of a command that is about to be sent. */
export function nextCommand(): number {
  return ++commands
}

/** The server sent the client elsewhere too often, as while a slot is on the move: nothing has run, and one key alone can be decided. */
export function isSlotMoving(cause: unknown): boolean {
  return /^(MOVED|ASK|TRYAGAIN)\b/.test(messageOf(cause))
}

/** What went wrong, without the frame that ioredis puts around the last error of a command that was sent elsewhere. */
export function messageOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  return message.replace(/^Too many Cluster redirections\. Last error: \w*Error: /, '')
}

export function answerOf(message: string): RedisAnswer | undefined {
  // Redis 6.2 tells what a script met inside of its own message.
  return ANSWERS.find(([prefix]) => message.startsWith(prefix) || message.includes(`-${prefix}`))?.[1]
}
