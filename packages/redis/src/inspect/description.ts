import type { Limit } from '@sluice/core'

/** A holder of a `concurrency` limit. */
export interface HolderDescription {
  readonly id: string
  /** ms since the epoch at which it ends by itself. */
  readonly until: number
}

/** What Redis holds under one limit for a subject. Times are in ms since the epoch, by Redis's clock. */
export interface StateDescription {
  /** The name of the limit; `undefined` for a state of none of the limits that were given. */
  readonly limit: string | undefined
  /** The tiers with this limit. Empty for a limit without a tier, and for an unknown state. */
  readonly tiers: readonly string[]
  /** `undefined` for an unknown state in the value that windows and buckets share. */
  readonly algorithm: Limit['algorithm'] | undefined
  /** Units that count, as in an outcome. Of an unknown window or bucket: its second number, which is the count of a window. */
  readonly used: number
  /** The limit, or the burst of a bucket. `undefined` for an unknown state. Numbers of a request may be others: `varies`. */
  readonly most: number | undefined
  /** Units left. `undefined` for an unknown state. */
  readonly remaining: number | undefined
  /** Whether each request brings its own numbers, so that `most` and `remaining` are only those of the definition. */
  readonly varies: boolean
  /** When the current window ends. `undefined` without windows, and if nothing is counted. */
  readonly windowEnd: number | undefined
  /** When the limit is full again; `undefined` if it is, and for an unknown state. */
  readonly fullAt: number | undefined
  /** Until when the state counts; `undefined` if nothing is stored. */
  readonly until: number | undefined
  /** Of `concurrency`: the holders that end first, at most 100. */
  readonly holders: readonly HolderDescription[]
  /** The most units that processes may hold as leases. */
  readonly leased: number
  /** The 32-bit id of a state in a shared value; `undefined` for a state with a key of its own. */
  readonly id: number | undefined
  /** The key in Redis. Of a packed state, the hash that it shares with other subjects. */
  readonly key: string
}

/** What Redis holds for a subject under one policy. */
export interface PolicyDescription {
  /** As in keys: `~` before it for shadow mode, `!` and the generation behind it after `resetAll`, `@` and a name if a limit is set apart. */
  readonly policy: string
  /** The name of the limiter. */
  readonly limiter: string
  /** Whether `resetAll` has ended these states. They count no more, and expire by themselves. */
  readonly isEnded: boolean
  /** ms since the epoch until which the subject is blocked; `undefined` if it is not. */
  readonly blockedUntil: number | undefined
  readonly states: readonly StateDescription[]
  /** The keys that exist, with the ms that each lives. `undefined`: it has no expiry. */
  readonly keys: readonly { readonly key: string; readonly ttl: number | undefined }[]
}

/** What Redis holds for a subject. */
export interface SubjectDescription {
  readonly subject: string
  /** ms since the epoch, by Redis's clock. */
  readonly at: number
  readonly policies: readonly PolicyDescription[]
  /** Whether keys were searched for policies that were not given: all keys, a part of them, or none. */
  readonly searched: 'all' | 'part' | 'none'
  /** Whether the store is packed. Packed windows are read only under limits that were given, since their keys do not name the subject. */
  readonly isPacked: boolean
}
