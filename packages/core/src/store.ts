import type { Limit } from './limit.ts'
import type { MaybePromise } from './runtime.ts'

declare const receipt: unique symbol

/**
 * A store's mark of what was taken and where: opaque, JSON-safe, made by the store. It gives back at most once, at most
 * what it took, and only there (that window, those log entries, that holder, that lease).
 */
export type Receipt = (string | number) & { readonly [receipt]?: never }

/** One limit, its scope, one subject, one cost. */
export interface Charge {
  readonly limit: Limit
  /** Where the state lives: `<policy>/<limit>/<algorithm>`, `~<policy>/…` for a shadow policy. Never depends on `limit` or `burst`. */
  readonly scope: string
  /** Who is limited. Any string is data. */
  readonly subject: string
  /** Units, whole: 0 or more takes, less than 0 gives back. */
  readonly cost: number
  /** With `cost < 0`: what is given back. With `cost > 0`: the holder or lease to renew. */
  readonly receipt?: Receipt | undefined
}

/** Which layer answered. */
export type Source = 'memory' | 'deny-cache' | 'lease' | 'redis' | 'replica' | 'local' | 'open' | 'closed' | (string & {})

/** A store's answer to one charge. Fresh: two requests never share one. Durations are whole milliseconds, rounded up. */
export interface Outcome {
  /** Whether this limit admits the cost. In a refused decision a limit that had room says true, with `granted` 0. */
  readonly allowed: boolean
  /** Units left after the decision, never below 0. */
  readonly remaining: number
  /** 0 when admitted; ms until the cost would be, if nothing else is taken meanwhile; `Infinity` if never. */
  readonly retryAfter: number
  /** ms until `remaining` grows by one; 0 when full. */
  readonly nextAfter: number
  /** ms until nothing is used any more. */
  readonly resetAfter: number
  /** ms to wait before going on: a leaky bucket as a queue; else 0. */
  readonly delay: number
  readonly source: Source
  /** µs since the epoch, by the clock of the store that decided. */
  readonly at: number
  /** Set when something was taken that can be given back. */
  readonly receipt: Receipt | undefined
  /** ms that a lease granted here may be spent; 0 when no lease was granted. */
  readonly leaseFor: number
  /** Refused on units that another decision holds for a moment: a short `retryAfter`, never cached. */
  readonly held?: boolean | undefined
  /** Units taken; less than 0 for what was given back; 0 when the decision was refused. A peek says what would be taken. */
  readonly granted: number
}

export interface ConsumeOptions {
  /** `peek` decides for the cost and writes nothing; `force` charges past the limit. */
  readonly how?: 'charge' | 'force' | 'peek' | undefined
  /** Grant as many units as there are, from this up to the cost. */
  readonly atLeast?: number | undefined
  /** Ask for a lease: `ttl` in ms, `ceiling` in units. A store that leases nothing answers `leaseFor: 0`. */
  readonly lease?: { readonly ttl: number; readonly ceiling: number } | undefined
  /** The policy's rule, for the failover layer. */
  readonly failMode?: 'local' | 'open' | 'closed' | undefined
}

/**
 * Where state lives and where charges are made atomically.
 * `consume` is all or nothing over its charges, changes nothing when it refuses, and throws only when it could not decide.
 */
export interface Store {
  readonly name: string
  /** One outcome per charge, in order; `undefined` where the store did not look, since another charge was refused first. */
  consume(charges: readonly Charge[], options?: ConsumeOptions): MaybePromise<readonly (Outcome | undefined)[]>
  /** Forgets the state of exactly these subjects. */
  reset(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]): MaybePromise<void>
  /** What fails together with this charge: the unit of a circuit breaker. */
  shardOf?(charge: Charge): string
  /** State from a replica, for seeding; writes nothing. */
  look?(charges: readonly Charge[]): MaybePromise<readonly (Outcome | undefined)[]>
  close?(): MaybePromise<void>
  health?(): StoreHealth
  subscribe?(listener: (event: StoreEvent) => void): () => void
}

export interface StoreHealth {
  readonly tier: Source
  readonly breaker: 'closed' | 'open' | 'half-open'
  readonly instances?: number | undefined
}

export type StoreEvent =
  | { readonly type: 'tier'; readonly from: Source; readonly to: Source }
  | { readonly type: 'breaker'; readonly shard: string; readonly from: StoreHealth['breaker']; readonly to: StoreHealth['breaker'] }
  | { readonly type: 'anomaly' | 'warning'; readonly code: string; readonly message: string }

/** What a store rejects with when it could not decide. */
export interface StoreError extends Error {
  readonly code: string
  /** It may have run. */
  readonly unknown: boolean
  readonly answer?: 'loading' | 'readonly' | 'oom' | 'noperm' | undefined
  readonly shard: string
  /** Same batch, same number: the breaker counts commands. */
  readonly command: number
}
