import type { MaybePromise } from '@sluice/core'
import type { NeedRecord, OfferRecord } from './record.ts'
import type { Shape } from './shape.ts'

/** One state of a policy and subject in mode `strict`. */
export interface RightsKey {
  readonly policy: string
  readonly subject: string
  readonly shape: Shape
}

/** What the store answers to a region that may need units: `need` of the window of now. */
export interface NeedAnswer {
  /** The record that asks for units; `undefined` if the region has enough, or has just asked. */
  readonly record: NeedRecord | undefined
  /** What the region may use in the window: its rights, with what it got and without what it gave. */
  readonly effective: number
  /** Whether more may come. */
  readonly isHeld: boolean
}

/** What a region may use of a limit in the window of now: its rights, and the part of them that it keeps for itself. */
export interface RightsTerms {
  readonly rights: number
  readonly floor: number
}

/** The steps of mode `strict`, each atomic. `others`: the names of the other regions. */
export interface TransferStorage {
  /** `need`. `cost`: units of a refused decision, or 0. */
  need(key: RightsKey, rights: number, cost: number, others: readonly string[]): MaybePromise<NeedAnswer>
  /** `donate`. Resolves when a failover cannot lose it. `undefined`: the need is of another window, or nothing may be said of it yet. */
  donate(
    need: NeedRecord,
    asker: string,
    terms: RightsTerms,
    self: string,
    others: readonly string[],
  ): MaybePromise<OfferRecord | undefined>
  /** `accept`. */
  accept(offer: OfferRecord, from: string, others: readonly string[]): MaybePromise<void>
  /** `resetRights`. Returns whether anything was counted. */
  resetRights(key: RightsKey, others: readonly string[]): MaybePromise<boolean>
}
