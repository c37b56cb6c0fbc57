import type { Clock } from './clock.ts'
import type { Limit } from './limit.ts'
import type { MaybePromise } from './runtime.ts'

declare const receipt: unique symbol

/**
 * A store's proof of what a charge took, and where. Opaque and JSON-safe; only the store that made it reads it.
 * It gives back at most once, at most what was taken, and only there: in that window, that holder, that lease.
 */
export type Receipt = (string | number) & { readonly [receipt]?: never }

/** One limit, its scope, one subject, one cost. */
export interface Charge {
  readonly limit: Limit
  /**
   * Where the state lives: `<policy>[!<generation>][@<set apart>]+<limit>.<algorithm>`, with a leading `~` for a shadow policy. `splitScope` of
   * `@sluice/core/store-kit` splits it. Never depends on `limit` or `burst`. A store must accept any text.
   */
  readonly scope: string
  /** Who is limited. A store must accept any string that is not empty. */
  readonly subject: string
  /** Whole units. 0 or more takes units, less than 0 gives them back. */
  readonly cost: number
  /** With `cost < 0`: the receipt of the charge to give back. With `cost > 0`: the holder or lease to renew. */
  readonly receipt?: Receipt | undefined
}

/**
 * What decided: a store by its name, or a layer. `local`, `open` and `closed` are the failure modes. `block` is the option `blockList`. `none`
 * is the source of a decision without limits.
 */
export type Source = 'memory' | 'deny-cache' | 'lease' | 'local' | 'open' | 'closed' | 'block' | 'none' | (string & {})

/** What happens while a store is unavailable: admit this process's share of each limit, admit everything, or refuse everything. */
export type FailMode = 'local' | 'open' | 'closed'

/**
 * A store's answer to one charge. Durations are whole milliseconds, rounded up. A store returns a new object each time: layers
 * and limiters keep outcomes of different requests apart by identity.
 */
export interface Outcome {
  /** Whether this limit admits the cost. `true` with `granted` 0 when only another limit of the same decision refused. */
  readonly allowed: boolean
  /** Units left after the decision; never below 0. */
  readonly remaining: number
  /**
   * Units counted after the decision, which forced charges can take above the limit: `remaining` is the quota less `used`, at least 0.
   * Fixed window: units of this window. Sliding window: those of this window, and the weighted ones of the window before. Sliding log: units
   * of the entries in the window. Buckets: units missing until the bucket is full, rounded up, at most burst and debt. Concurrency: live holders. 0
   * where nothing is counted: `open`, `closed`. Refusals are not counted.
   */
  readonly used: number
  /** ms until the cost would be admitted if nothing else is taken; 0 when it was admitted, `Infinity` if it never will be. */
  readonly retryAfter: number
  /** ms until `remaining` grows by one; 0 when the limit is full. */
  readonly nextAfter: number
  /** ms until the limit is full again; 0 when it is full. */
  readonly resetAfter: number
  /** ms that the caller must wait before it goes on: above 0 only for a leaky bucket with `queue: true`, or a window with a `delay`. */
  readonly delay: number
  readonly source: Source
  /** µs since the Unix epoch, by the clock of the store that decided. */
  readonly at: number
  /** Present when units were taken that can be given back. */
  readonly receipt: Receipt | undefined
  /** ms for which the lease granted here may be spent; 0 when none was granted. */
  readonly leaseFor: number
  /** `true` when another decision holds the units for a moment only. `retryAfter` is short, and the outcome must not be cached. */
  readonly held?: boolean | undefined
  /** `true` when the subject is blocked under the policy of the charge. The waits are until the block ends; nothing was counted. */
  readonly blocked?: boolean | undefined
  /** Units taken; below 0 for units given back; 0 when the decision was refused. A peek returns what would be taken. */
  readonly granted: number
}

/** How a store decides a list of charges. */
export interface ConsumeOptions {
  /**
   * `charge` (default) takes the cost if it is admitted, `peek` decides and writes nothing, `force` takes it even past the limit. `credit`:
   * costs are 0 or less and give back units without a receipt, of what is counted now, never below 0. Windows: of the current one, then of the
   * one before. Sliding log: of the newest entries. A queue and a `concurrency` limit then throw ERR_RECEIPT_REQUIRED.
   */
  readonly how?: 'charge' | 'force' | 'peek' | 'credit' | undefined
  /**
   * Grant as many units as are available, from this number up to the cost. Default: the whole cost or nothing. All charges of the decision take
   * the same number, up to their own cost: what each of them has available after those before it. Leases are granted each by itself.
   */
  readonly atLeast?: number | undefined
  /** Ask for a lease: `ttl` in ms, `ceiling` in units. A store without leases answers `leaseFor: 0`. */
  readonly lease?: { readonly ttl: number; readonly ceiling: number } | undefined
  /** The policy's failure mode. Only the failover layer reads it; over another store the limiter applies it. */
  readonly failMode?: FailMode | undefined
}

/** What `Store.block` did. */
export interface BlockChange {
  /** When the block ends: ms since the Unix epoch, by the store's clock; 0 if it was ended. */
  readonly until: number
  /** Whether the subject was blocked before. */
  readonly wasBlocked: boolean
}

/** Where the state of limits lives, and where charges are made atomically. Every layer is a store as well. */
export interface Store {
  /** Names the store in outcomes, health and events. */
  readonly name: string
  /**
   * Decides the charges: all are taken, or none. Changes nothing when it refuses.
   * Returns one outcome for each charge, in order. An outcome is `undefined` if another charge was refused first, so that the
   * store did not decide this one.
   * @throws only if the store could not decide: a `StoreError`
   */
  consume(charges: readonly Charge[], options?: ConsumeOptions): MaybePromise<readonly (Outcome | undefined)[]>
  /**
   * Deletes the state of exactly these subjects. Returns whether any of them had a state that counted something: `used` above 0. A limiter takes
   * a store that returns nothing for one that found something.
   */
  reset(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]): MaybePromise<boolean | void>
  /**
   * Refuses every new charge of these subjects under the policy of their scope, from now on for `ms`; 0 ends that. Replaces an earlier block.
   * A later `consume` checks it in the step that decides, before it charges, and answers `blocked: true`. It does not refuse forced
   * charges, give-backs and renewals. `targets` has one entry for each limit of the policy: a store may keep a block beside each state.
   * Optional: without it, `limiter.block()` throws ERR_BLOCK_UNSUPPORTED.
   */
  block?(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[], ms: number): MaybePromise<BlockChange>
  /**
   * Begins another generation of a limiter, so that it forgets all subjects. Returns when no process decides by the generation before. The
   * limiter puts the generation into its scopes: `<limiter>!<generation>`. Optional: without it, `limiter.resetAll()` throws
   * ERR_RESET_ALL_UNSUPPORTED.
   */
  resetAll?(limiter: string): MaybePromise<void>
  /**
   * The generation of a limiter, as far as this process knows: letters, digits, `_` and `-`; '' before the first `resetAll`. From then on the
   * store emits an event of the type `generation` when it has changed. A store with `resetAll` has it, and `subscribe`.
   */
  generationOf?(limiter: string): string
  /** Names the shard of a charge: the part of the store that fails together, with one circuit breaker. Default: the whole store. */
  shardOf?(charge: Charge): string
  /** Like `consume` with `how: 'peek'`, but answered by a replica, whose state may be older. Seeds the local fallback. */
  peekReplica?(charges: readonly Charge[]): MaybePromise<readonly (Outcome | undefined)[]>
  /**
   * Resolves when the store can decide. Rejects with a `StoreError` that says why it cannot when `ms` have passed; default 10,000. For the
   * start of a server, before it listens. A store in memory is always ready.
   */
  ready?(ms?: number): MaybePromise<void>
  /** The clock that the store was given for tests: `limiter.wait()` sleeps by it. Default: the system's. */
  readonly clock?: Clock | undefined
  /** Releases connections and timers. Later calls reject, or with failover are decided as while the store is unavailable, without I/O. */
  close?(): MaybePromise<void>
  health?(): StoreHealth
  /** Calls `listener` for each event until the returned function is called. */
  subscribe?(listener: (event: StoreEvent) => void): () => void
}

export interface StoreHealth {
  /** What decides now: the store's name, or `local` while a breaker is not closed. */
  readonly tier: Source
  /** The breaker that is furthest from closed, over all shards. */
  readonly breaker: 'closed' | 'open' | 'half-open'
  /** How many processes share the limits, where the store counts them. */
  readonly instances?: number | undefined
  /** Units that this process has leased of the store and not spent yet, of all its limiters. Absent without leases. */
  readonly leased?: number | undefined
  /** Why the store does not decide, in its own words. Absent while it decides. */
  readonly cause?: string | undefined
  /** What this process knows of the other regions. Absent for a store without regions. */
  readonly regions?: RegionsHealth | undefined
}

/** What a process knows of the regions that share the limits of its store. The counts only grow. */
export interface RegionsHealth {
  /** Names the store within its process. Limiters on one store show the same. */
  readonly id: string
  /** The name of this region. */
  readonly self: string
  /** By name of another region, what this region has heard of it. */
  readonly peers: Readonly<Record<string, RegionHealth>>
  /** Units that this process has decided on and not published yet. */
  readonly unpublished: number
  /** Records that this process has sent to other regions. */
  readonly sent: number
  /** Records of other regions that this process has applied. */
  readonly applied: number
  /** Counts of other regions that came after their window had ended. */
  readonly late: number
  /** Units by which counts of other regions went above a limit, each once: the measured error. */
  readonly over: number
  /** Units of other regions for which no bucket had room. */
  readonly forgiven: number
  /** Offers of rights that this process has accepted. Absent if no policy has mode `strict`. */
  readonly transfers?: number | undefined
  /** Why the last exchange failed, in the words of the store or of the transport. Absent after one that succeeded. */
  readonly cause?: string | undefined
}

/** What a region has heard of another. */
export interface RegionHealth {
  /** ms since the epoch: when it sent its last message, by its clock. If another process got it: when it came, by the clock of Redis. */
  readonly heardAt?: number | undefined
  /** ms from the sending of that message to its application. If another process got it: to its arrival. */
  readonly lag?: number | undefined
  /** Whether its region has heard nothing of it for the option `silence`. */
  readonly silent: boolean
}

export type StoreEvent =
  | { readonly type: 'tier'; readonly from: Source; readonly to: Source; readonly cause?: string | undefined }
  | {
      readonly type: 'breaker'
      readonly shard: string
      readonly from: StoreHealth['breaker']
      readonly to: StoreHealth['breaker']
      /** Why the store does not decide, in its own words. Absent when it decides again. */
      readonly cause?: string | undefined
    }
  /** Another region has been silent for the option `silence`, or is heard again. Each process of a region finds it out by itself. */
  | { readonly type: 'region'; readonly region: string; readonly silent: boolean }
  /** A limiter has another generation. It is meant for limiters: no observer gets it. */
  | { readonly type: 'generation'; readonly limiter: string }
  | { readonly type: 'anomaly'; readonly code: string; readonly message: string }
  | { readonly type: 'warning'; readonly code: string; readonly message: string }

/**
 * Why a store that is reachable refused to decide, by what the failover layer must do. Each opens the breaker at once.
 * - `starting`: the store is loading its state. One successful probe, which only reads, closes the breaker.
 * - `unwritable`: the store refuses writes and may still answer reads. A write must succeed before the breaker closes.
 * - `forbidden`: the store's user has no permission. As `unwritable`; only an operator can change it.
 */
export type StoreRefusal = 'starting' | 'unwritable' | 'forbidden'

/** What a store throws, or rejects with, when it could not decide. Recognised by its fields, not by its class. */
export interface StoreError extends Error {
  readonly code: string
  /** Whether the charge may have been made: the request was sent, and no answer came. */
  readonly unknown: boolean
  /** Absent when the store did not answer, or answered with an error that may pass by itself. */
  readonly refusal?: StoreRefusal | undefined
  /** Why the store could not decide, in its own words. Default: `message`. */
  readonly reason?: string | undefined
  /** The shard that failed, as `Store.shardOf` names it. */
  readonly shard: string
  /** The number of the batch that failed. One failed batch counts once for the breaker, however many requests it carried. */
  readonly batch: number
}
