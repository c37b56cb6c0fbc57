import type { Account, Numbers } from './ledger.ts'

/** Who sent a record, and when. */
export interface Source {
  /** The id of the region. */
  readonly region: number
  /** Of the record. */
  readonly version: number
  /** ms, by the clock of the sender. */
  readonly at: number
}

export type Applied =
  | { readonly result: 'old' | 'early' | 'late' | 'ahead'; /** ms until the window begins. */ readonly wait: number }
  | {
      readonly result: 'done'
      readonly wait: 0
      readonly state: Numbers | undefined
      readonly taken?: Numbers | undefined
      readonly account: Account
      /** Units above the limit that were not above it before. */
      readonly over: number
      /** Units that were not charged, since a bucket lacks no more than that. */
      readonly forgiven: number
    }

/** Units above a limit that were not above it before: their sum is the measured error, however many messages tell of them. */
export function newlyOver(before: number, after: number, most: number): number {
  return Math.max(0, Math.max(0, after - most) - Math.max(0, before - most))
}
