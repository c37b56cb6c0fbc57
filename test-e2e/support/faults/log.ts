// The requests of the load, and the columns in which a process logs its decisions: outside the heap, allocated before the start.
import { type Limit, slidingWindow, tokenBucket } from '@sluice/core'

export const HOT_BUCKET = 0
export const HOT_WINDOW = 1
export const MANY = 2
export const FRESH = 3

/** The limits by kind. Hot subjects are far above their limit, the many never reach theirs, fresh ones start after recovery. */
export const LIMITS: readonly Limit[] = [
  tokenBucket({ name: 'bucket', limit: 20, window: '1s', burst: 20 }).limit,
  slidingWindow({ name: 'window', limit: 20, window: '1s' }).limit,
  slidingWindow({ name: 'many', limit: 100_000, window: '1m' }).limit,
  slidingWindow({ name: 'fresh', limit: 3, window: '500ms' }).limit,
]
export const SUBJECTS = 500
/** ms that a request waits for the store. */
export const DEADLINE = 50
/** ms. If a PING of the Redis without a fault takes longer, the machine is too busy for the deadline. */
export const BUSY = DEADLINE / 2
/** Number of fresh subjects, and of decisions after which new ones are used, so that one bad moment affects only some. */
export const FRESH_SUBJECTS = 20
export const FRESH_TURN = 80
/** The kinds in turn: a quarter for each hot subject. */
export const KINDS: readonly number[] = [HOT_BUCKET, MANY, HOT_WINDOW, MANY]

/** The sources of decisions. In the log, 0 means no answer or a failure. */
export const SOURCES = ['redis', 'local', 'open', 'closed', 'deny-cache', 'lease', 'replica'] as const

export interface Log {
  /** Start of each request in ms since the epoch, and its duration in ms. Comparable between processes. */
  readonly t: Float64Array
  readonly latency: Float64Array
  readonly kind: Uint8Array
  readonly subject: Uint16Array
  readonly allowed: Uint8Array
  /** 1 + the index in SOURCES. */
  readonly source: Uint8Array
  readonly granted: Int32Array
  readonly remaining: Int32Array
  /** µs, by the clock of the source. */
  readonly at: Float64Array
  /** ms by which plain timers, set at the same time as the deadline, were late. */
  readonly late: Float64Array
  /** ms that a limiter in memory took for the same request just before. */
  readonly memory: Float64Array
}

export function logOf(size: number): Log {
  return {
    t: new Float64Array(size),
    latency: new Float64Array(size),
    kind: new Uint8Array(size),
    subject: new Uint16Array(size),
    allowed: new Uint8Array(size),
    source: new Uint8Array(size),
    granted: new Int32Array(size),
    remaining: new Int32Array(size),
    at: new Float64Array(size),
    late: new Float64Array(size),
    memory: new Float64Array(size),
  }
}

export interface Entry {
  readonly t: number
  readonly latency: number
  readonly kind: number
  readonly subject: number
  readonly allowed: boolean
  readonly source: (typeof SOURCES)[number] | 'none'
  readonly granted: number
  readonly remaining: number
  readonly at: number
  readonly late: number
  readonly memory: number
}

export function entriesOf(log: Log, count: number): readonly Entry[] {
  return Array.from({ length: count }, (_, i) => ({
    t: log.t[i]!,
    latency: log.latency[i]!,
    kind: log.kind[i]!,
    subject: log.subject[i]!,
    allowed: log.allowed[i] === 1,
    source: SOURCES[log.source[i]! - 1] ?? 'none',
    granted: log.granted[i]!,
    remaining: log.remaining[i]!,
    at: log.at[i]!,
    late: log.late[i]!,
    memory: log.memory[i]!,
  }))
}
