import type { Charge, Clock, Outcome, RegionsHealth, StoreEvent } from '@sluice/core'

// The types of @sluice/regions by shape, so that this package does not depend on it: a test checks that they fit.

/** The numbers of a limit, as regions exchange them. */
export interface Shape {
  readonly text: string
  readonly kind: 'fixed' | 'sliding' | 'bucket'
  readonly N: number
  readonly P: number
  readonly burst: number
  readonly start?: number
}

export interface Entry {
  readonly text: string
  readonly reset: number
  readonly start: number
  readonly units: number
  readonly before: number
  readonly N: number
  readonly P: number
  readonly burst: number
}

export interface CountRecord {
  readonly kind: 'count'
  readonly policy: string
  readonly subject: string
  readonly version: number
  readonly entries: readonly Entry[]
}

export interface Terms {
  readonly interval: number
  readonly urgent: number
  readonly minimum: number
  readonly keep: number
  readonly regions: number
}

export interface CollectKey {
  readonly policy: string
  readonly subject: string
  readonly shapes: readonly Shape[]
  readonly isForced: boolean
}

export interface Collected {
  readonly result: 'nothing' | 'later' | 'record'
  readonly record?: CountRecord
}

export interface Applied {
  readonly result: 'old' | 'early' | 'done'
  readonly wait: number
  readonly late: number
  readonly ahead: number
  readonly over: number
  readonly forgiven: number
  readonly isUnpublished: boolean
}

/** The storage of a region's exchange, for `Exchange` of @sluice/regions. */
export interface RedisRegionStorage {
  /** The partition of a subject, from 0. All policies of a subject have the same. */
  partitionOf(subject: string): number
  /** Reads what may be published of subjects of one partition, and marks it as published. */
  collect(keys: readonly CollectKey[], terms: Terms): Promise<readonly Collected[]>
  /** Applies records of another region, of subjects of one partition. State and ledger change in one step. */
  apply(
    records: readonly CountRecord[],
    source: { readonly region: number; readonly at: number },
    terms: Terms,
  ): Promise<readonly Applied[]>
}

/** What `regions()` of @sluice/regions returns, as far as the store uses it. */
export interface RedisRegions {
  /** The name of this region. */
  readonly self: string
  /** Links a store to the other regions. Called once for each store. */
  attach(store: RedisRegionStore): RedisRegionLink
}

/** What the store gives to its link. */
export interface RedisRegionStore {
  readonly storage: RedisRegionStorage
  readonly clock: Clock
  readonly events: {
    anomaly(code: string, message: string): void
    warning(code: string, message: string): void
    emit(event: StoreEvent): void
  }
}

/** The store in its region. */
export interface RedisRegionLink {
  /** Begins to exchange. */
  start(): void
  /** The charges as this region decides them: the same list, or one with other limits. */
  chargesOf(charges: readonly Charge[]): readonly Charge[]
  /** Hears of each decision, refusals too. `undefined`: the store did not answer. */
  decided(charges: readonly Charge[], outcomes: readonly (Outcome | undefined)[] | undefined): void
  report(): RegionsHealth
  /** Ends the exchange. */
  close(): Promise<void>
}
