import type { Charge, Clock, Outcome, RegionsHealth, StoreEvent } from '@sluice/core'
import type { BeatStorage, LedgerStorage, RegionStorage, ResetStorage } from './storage.ts'

/** What a store gives to the regions that share its limits. */
export interface RegionStore {
  readonly storage: RegionStorage & BeatStorage & LedgerStorage & ResetStorage
  readonly clock: Clock
  /** Takes what an operator should know. */
  readonly events: RegionEvents
}

/** The events of a store. */
export interface RegionEvents {
  anomaly(code: string, message: string): void
  warning(code: string, message: string): void
  emit(event: StoreEvent): void
}

/** One store in its region. The store calls it at each decision. */
export interface RegionLink {
  /** Begins to exchange. It tries again by itself, and never throws. */
  start(): void
  /**
   * The charges as this region decides them: the same list, or one with other limits.
   * @throws ERR_REGIONS_CHANGED
   */
  chargesOf(charges: readonly Charge[]): readonly Charge[]
  /** Hears of each decision, refusals too, with the charges that `chargesOf` returned. `undefined`: the store did not answer. */
  decided(charges: readonly Charge[], outcomes: readonly (Outcome | undefined)[] | undefined): void
  /** Hears of a reset that the store has made, and makes it one of all regions. Rejects if the store cannot write. */
  reset(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]): Promise<void>
  report(): RegionsHealth
  close(): Promise<void>
}
