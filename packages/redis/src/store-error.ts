import { SluiceError, type StoreError } from '@sluice/core'

type Answer = NonNullable<StoreError['answer']>
const ANSWERS: readonly (readonly [prefix: string, answer: Answer])[] = [
  ['LOADING', 'loading'],
  ['READONLY', 'readonly'],
  ['OOM', 'oom'],
  ['NOPERM', 'noperm'],
]
// The server, or the client before it sent anything, said so: nothing has run.
const NOT_RUN =
  /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|CROSSSLOT|NOAUTH|WRONGPASS|NOSCRIPT|MASTERDOWN|ERR max number of clients)|Stream isn't writeable|Connection is closed|Cluster isn't ready/

/** What the store rejects with when it could not decide: whether it may have run, and what the server answered, if it did. */
export class RedisStoreError extends SluiceError implements StoreError {
  readonly unknown: boolean
  readonly answer: Answer | undefined
  readonly shard: string
  readonly command: number

  constructor(cause: unknown, shard: string, command: number) {
    const message = cause instanceof Error ? cause.message : String(cause)
    super('ERR_STORE_UNAVAILABLE', `Redis could not decide: ${message}`, { cause })
    this.answer = answerOf(message)
    this.unknown = this.answer === undefined && !NOT_RUN.test(message)
    this.shard = shard
    this.command = command
  }
}

export function answerOf(message: string): Answer | undefined {
  return ANSWERS.find(([prefix]) => message.startsWith(prefix) || message.includes(`-${prefix}`))?.[1]
}
