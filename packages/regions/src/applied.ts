import type { Account, Numbers } from './ledger.ts'

/** Who sent a record, and when. */
export interface Source {
  /** The index of the region in `all`. */
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
      /** Units above the limit after it. */
      readonly over: number
      /** Units that were not charged, since a bucket lacks no more than that. */
      readonly forgiven: number
    }
