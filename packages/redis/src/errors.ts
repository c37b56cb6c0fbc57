import { SluiceError, type StoreError, type StoreRefusal } from '@sluice/core'

/** Every code that this package adds to those of `@sluice/core`. Each has a section of its name in docs/errors.md. */
export const REDIS_CODES = [
  // Thrown by a store whose data was written with other partitions.
  'ERR_PARTITIONS_CHANGED',
  // Rejects a decision over several window limits of a policy, in a store that packs.
  'ERR_PACKED_LIMITS',
  // Emitted once, to `on.warning` or the console.
  'WARN_CLIENT_RETRIES',
  'WARN_EVICTION',
  'WARN_EVICTION_UNKNOWN',
  'WARN_PACKED_ENTRIES',
  // Reported to `on.warning` of analytics, or printed.
  'WARN_ANALYTICS',
  // Emitted to `on.anomaly`.
  'ANOMALY_STATE_UNREADABLE',
  'ANOMALY_STATE_DROPPED',
  'ANOMALY_VERDICT',
] as const

declare module '@sluice/core' {
  interface CodeRegistry {
    readonly redis: (typeof REDIS_CODES)[number]
  }
}

/**
 * Why a Redis server that is reachable refused to decide.
 * - `loading`: it reads its data from disk after a start.
 * - `readonly`: it is a replica, so it takes no writes.
 * - `oom`: it takes no writes because memory or disk is full, or because replicas are missing.
 * - `noperm`: the ACL of the Redis user lacks a command or a key.
 */
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
  // Two more reasons for which a server refuses writes while it still answers reads: a full disk, missing replicas.
  ['MISCONF', 'oom'],
  ['NOREPLICAS', 'oom'],
  ['NOPERM', 'noperm'],
]
/** What Redis and Valkey say inside a script. Redis 6.2 puts its own words before it. */
const DENIED_IN_SCRIPT = /The user executing the script can't|ACL failure in script/
// Errors after which nothing has run: the server refused the command, or the client never sent it. "Connection is closed" is not in the
// list, because ioredis reports it for commands that were sent, too.
const NOT_RUN =
  /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|CROSSSLOT|NOAUTH|WRONGPASS|NOSCRIPT|MASTERDOWN|MISCONF|NOREPLICAS|BUSY|ERR max number of clients)\b|^Stream isn't writeable|^Cluster isn't ready/

/** The error of a command that the client never wrote to a connection. */
export class NotSentError extends Error {
  override readonly name = 'NotSentError'

  constructor(cause: unknown) {
    super(messageOf(cause), { cause })
  }
}

/**
 * The error of a decision that Redis could not make.
 * @example
 * ```ts
 * import { createLimiter, slidingWindow } from '@sluice/core'
 * import { redisStore, RedisStoreError } from '@sluice/redis'
 *
 * const store = redisStore({ url: 'redis://localhost:6379' }, { failover: false })
 * const limiter = createLimiter({ store, limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' })] })
 * try {
 *   await limiter.consume('user:42')
 * } catch (error) {
 *   if (error instanceof RedisStoreError && error.unknown) console.warn('may have been charged', error.shard, error.answer)
 * }
 * ```
 */
export class RedisStoreError extends SluiceError implements StoreError {
  /** `true`: no answer came, so the charge may have been made. `false`: it was not made. */
  readonly unknown: boolean
  /** Why the server refused. `undefined` when it did not answer, or answered with another error. */
  readonly answer: RedisAnswer | undefined
  /** What the failover layer does about `answer`. */
  readonly refusal: StoreRefusal | undefined
  /** What failed together: `redis` for a single server, the hash tag of the partition in a cluster. */
  readonly shard: string
  /** The number of the command that failed. All decisions that the command carried have the same number. */
  readonly batch: number
  /** Why Redis could not decide, in the words of the server or of the client. */
  readonly reason: string

  /** `unknown` and `reason` override what the cause alone shows. */
  constructor(cause: unknown, shard: string, batch: number, unknown?: boolean, reason?: string) {
    const message = messageOf(cause)
    const words = reason ?? (isOfCluster(cause) ? `${message}: this server is a node of a Cluster; use redisStore({ cluster })` : message)
    super('ERR_STORE_UNAVAILABLE', `Redis could not decide: ${words}`, { cause })
    this.reason = words
    this.answer = answerOf(message)
    this.refusal = this.answer && REFUSALS[this.answer]
    this.unknown = unknown ?? (!(cause instanceof NotSentError) && this.answer === undefined && !NOT_RUN.test(message))
    this.shard = shard
    this.batch = batch
  }
}

let commands = 0
/** The number of the next command. The failover layer counts failed commands by it, not failed decisions. */
export function nextCommand(): number {
  return ++commands
}

const HINTS: Readonly<Record<string, string>> = {
  end: '; the client has ended, and does not connect again',
  closed: '; call connect() of the client',
}

/** The error of a command that was not sent because the client has no usable connection. */
export function notReady(status: string, shard: string, command: number, lastError?: Error): RedisStoreError {
  const after = lastError === undefined ? '' : `: ${messageOf(lastError)}`
  const reason = `the connection is not ready (${status})${after}${HINTS[status] ?? ''}`
  return new RedisStoreError(lastError ?? reason, shard, command, false, reason)
}

/** A Cluster client follows a redirection itself. Any other client shows it to its caller. */
function isOfCluster(cause: unknown): boolean {
  return cause instanceof Error && cause.message.startsWith('MOVED ')
}

/** Whether the command did not run because its slot is being moved. A decision about a single key can then still run. */
export function isSlotMoving(cause: unknown): boolean {
  return /^(MOVED|ASK|TRYAGAIN)\b/.test(messageOf(cause))
}

/** The message of an error, without the words that ioredis puts before the last error of a redirected command. */
export function messageOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message || firstMessageOf(cause) : String(cause)
  return message.replace(/^Too many Cluster redirections\. Last error: \w*Error: /, '')
}

/** Node tries each address of a host name, and reports all failures in an error without a message. */
function firstMessageOf(cause: Error & { readonly errors?: readonly unknown[]; readonly code?: string }): string {
  const [first] = cause.errors ?? []
  return first instanceof Error ? first.message : (cause.code ?? cause.name)
}

export function answerOf(message: string): RedisAnswer | undefined {
  // Redis 6.2 puts the error of a command inside a script into the middle of the script's own error.
  const answer = ANSWERS.find(([prefix]) => message.startsWith(prefix) || message.includes(`-${prefix}`))?.[1]
  return answer ?? (DENIED_IN_SCRIPT.test(message) ? 'noperm' : undefined)
}
