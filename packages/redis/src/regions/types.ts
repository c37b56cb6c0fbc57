import type { Charge, Clock, ConsumeOptions, Outcome, RegionsHealth, StoreEvent } from '@sluice/core'

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

export interface ShareTable {
  readonly version: number
  readonly from: number
  readonly of: Readonly<Record<string, number>>
}

export interface HeardRegion {
  readonly region: string
  readonly age: number
  readonly lag: number
  readonly reads: number
  readonly shares: readonly ShareTable[]
  readonly promised: readonly ShareTable[]
}

export interface Heartbeat {
  readonly self: string
  readonly all: readonly string[]
  readonly reads: number
  readonly shares: ShareTable | undefined
  readonly heard: readonly HeardRegion[]
  readonly isAsked: boolean
  readonly every: number
  readonly silence: number
  readonly keep: number
}

export interface RegionBook {
  readonly self: string
  readonly all: readonly string[]
  readonly since: number
  readonly calledAt: number
  readonly beatAt: number
  readonly isAsked: boolean
  readonly readers: ReadonlyMap<number, number>
  readonly peers: ReadonlyMap<string, { readonly heardAt: number; readonly lag: number; readonly reads: number }>
  readonly shares: { readonly promised: readonly ShareTable[]; readonly heard: Readonly<Record<string, readonly number[]>> }
}

export type HeartbeatResult =
  | { readonly result: 'changed'; readonly self: string; readonly all: readonly string[] }
  | { readonly result: 'done'; readonly book: RegionBook; readonly isDue: boolean }

export interface LedgerName {
  readonly policy: string | undefined
  readonly subject: string
}

/** The storage of a region's exchange, for `Exchange`, `Beats` and `Resend` of @sluice/regions. */
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
  /** Writes what a process says of itself and of other regions, and reads what all processes of this region have said. */
  heartbeat(request: Heartbeat): Promise<HeartbeatResult>
  /** Forgets what this region has counted of limits, and what it knows of others. `keep`: ms. */
  reset(keys: readonly Omit<CollectKey, 'isForced'>[], keep: number): Promise<void>
  /** The subjects that have a ledger, by SCAN, with those of these policies by name. */
  ledgers(policies: readonly string[]): AsyncIterable<readonly LedgerName[]>
}

/** One state of a policy and subject in mode `strict`. */
export interface RightsKey {
  readonly policy: string
  readonly subject: string
  readonly shape: Shape
}

interface TransferRecord {
  readonly policy: string
  readonly subject: string
  readonly text: string
  readonly version: number
  /** Until when the window counts, µs. */
  readonly window: number
  readonly N: number
  readonly P: number
}

export interface NeedRecord extends TransferRecord {
  readonly kind: 'need'
  readonly want: number
  readonly got: Readonly<Record<string, number>>
}

export interface OfferRecord extends TransferRecord {
  readonly kind: 'offer'
  readonly to: string
  readonly total: number
  readonly free: number
}

export interface NeedAnswer {
  readonly record: NeedRecord | undefined
  readonly effective: number
  readonly isHeld: boolean
}

export interface RightsTerms {
  readonly rights: number
  readonly floor: number
}

/** The steps of mode `strict`. `others`: the names of the other regions. */
export interface RedisTransferStorage {
  need(key: RightsKey, rights: number, cost: number, others: readonly string[]): Promise<NeedAnswer>
  donate(need: NeedRecord, asker: string, terms: RightsTerms, self: string, others: readonly string[]): Promise<OfferRecord | undefined>
  accept(offer: OfferRecord, from: string, others: readonly string[]): Promise<void>
  resetRights(key: RightsKey, others: readonly string[]): Promise<boolean>
}

/** What `regions()` of @sluice/regions returns, as far as the store uses it. */
export interface RedisRegions {
  /** The name of this region. */
  readonly self: string
  /** Every mode that a policy may have. */
  readonly modes: readonly string[]
  /** ms that the second entry of a bucket lives longer than the bucket takes to fill. */
  readonly keep: number
  /** How the regions of a policy work. */
  policy(name: string): { readonly mode: string }
  /** Whether the regions tell each other what they count of a limit: `exchanged`, or anything else. */
  exchangeOf(target: Pick<Charge, 'scope' | 'limit'>): string
  /** Links a store to the other regions. Called once for each store. */
  attach(store: RedisRegionStore): RedisRegionLink
}

type Target = Pick<Charge, 'limit' | 'scope' | 'subject'>

/** What the store gives to its link. */
export interface RedisRegionStore {
  readonly storage: RedisRegionStorage
  readonly transfers: RedisTransferStorage
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
  chargesOf(charges: readonly Charge[], options?: Pick<ConsumeOptions, 'failMode'>): readonly Charge[]
  /** Hears of each decision, refusals too. Without outcomes the store did not answer. */
  decided(charges: readonly Charge[], outcomes: readonly (Outcome | undefined)[] | undefined): void
  /** What the client is answered. `undefined` if that is always what the store decided. */
  readonly answerOf:
    | ((charges: readonly Charge[], outcomes: readonly (Outcome | undefined)[]) => readonly (Outcome | undefined)[])
    | undefined
  /** Of the targets of a reset, those that must keep what regions gave each other. */
  keptTargets(targets: readonly Target[]): readonly Target[]
  /** Resets these. Returns whether anything was used. */
  resetKept(targets: readonly Target[]): Promise<boolean>
  /** Makes a reset one of all regions. */
  reset(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]): Promise<void>
  report(): RegionsHealth
  /** Ends the exchange. */
  close(): Promise<void>
}
