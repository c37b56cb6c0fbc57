import type * as regions from '@sluice/regions/store-kit'

/** The code under test: @sluice/regions, or a copy of it without one of its rules. */
export type RegionsModule = typeof regions

export type {
  CollectKey,
  CountRecord,
  Heartbeat,
  Ledger,
  NeedAnswer,
  NeedRecord,
  Numbers,
  OfferRecord,
  RegionBook,
  RegionRecord,
  RecordSource,
  RegionStorage,
  RightsKey,
  Shape,
  ShareBook,
  ShareReading,
  ShareTable,
  Terms,
  Transfers,
} from '@sluice/regions/store-kit'

export type Applied = Omit<regions.AppliedRecord, 'changes'>

/** A promise that a history broke. */
export interface RegionViolation {
  readonly rule: string
  /** ms of the simulation since its start. */
  readonly at: number
  readonly region: string
  readonly detail: string
}
