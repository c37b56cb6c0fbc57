import type { Charge, Clock, ConsumeOptions, Outcome, RegionsHealth, StoreEvent } from '@sluice/core'
import type { TransferStorage } from './transfer-storage.ts'
import type { BeatStorage, LedgerStorage, RegionStorage, ResetStorage } from './storage.ts'

/** What a store gives to the regions that share its limits. */
export interface RegionStore {
  readonly storage: RegionStorage & BeatStorage & LedgerStorage & ResetStorage
  /** The steps of mode `strict`. */
  readonly transfers: TransferStorage
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

type Target = Pick<Charge, 'limit' | 'scope' | 'subject'>

/** One store in its region. The store calls it at each decision. */
export interface RegionLink {
  /** Begins to exchange. It tries again by itself, and never throws. */
  start(): void
  /**
   * The charges as this region decides them: the same list, or one with other limits.
   * @throws ERR_REGIONS_CHANGED
   */
  chargesOf(charges: readonly Charge[], options?: Pick<ConsumeOptions, 'failMode'>): readonly Charge[]
  /**
   * Hears of each decision, refusals too, with the charges that `chargesOf` returned, or of a part of them. Without outcomes the store did not
   * answer: the charges may have been made.
   */
  decided(charges: readonly Charge[], outcomes: readonly (Outcome | undefined)[] | undefined): void
  /** What the client is answered. `undefined` if that is always what the store decided. */
  readonly answerOf:
    | ((charges: readonly Charge[], outcomes: readonly (Outcome | undefined)[]) => readonly (Outcome | undefined)[])
    | undefined
  /** Of the targets of a reset, those that must keep what regions gave each other. */
  keptTargets(targets: readonly Target[]): readonly Target[]
  /** Resets these. Returns whether anything was used. */
  resetKept(targets: readonly Target[]): Promise<boolean>
  /** Hears of a reset that the store has made, and makes it one of all regions. Rejects if the store cannot write. */
  reset(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]): Promise<void>
  report(): RegionsHealth
  close(): Promise<void>
}
