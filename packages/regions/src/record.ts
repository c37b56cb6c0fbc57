/** What a region has counted of one state, as sums, so that a later record makes an earlier one needless. */
export interface EntryRecord {
  /** Names the state: `<limit>.<algorithm>.<variant>`. */
  readonly text: string
  /** The latest reset: µs by the clock of the region that reset; 0 for none. */
  readonly reset: number
  /** Windows: where the window starts, ms. Buckets: the birth of the bucket, µs. */
  readonly start: number
  /** Units of this region. Windows: of the window. Buckets: since the birth. */
  readonly units: number
  /** Sliding windows: units of the window before. Buckets: units that are missing now. */
  readonly before: number
  /** Windows: the limit. Buckets: the tokens per P. */
  readonly N: number
  /** Windows: the length, ms. Buckets: µs. */
  readonly P: number
  readonly burst: number
}

/** What a region has counted of a policy and subject. */
export interface CountRecord {
  readonly kind: 'count'
  readonly policy: string
  readonly subject: string
  /** Grows with each record of a policy and subject, also after the region's data was lost. */
  readonly version: number
  readonly entries: readonly EntryRecord[]
}

/** A region asks others for rights of a window. */
export interface NeedRecord {
  readonly kind: 'need'
  readonly policy: string
  readonly subject: string
  readonly text: string
  readonly version: number
  /** Until when the window counts, µs. */
  readonly window: number
  readonly want: number
  /** By region, the sum of what it has got from it in this window. */
  readonly got: Readonly<Record<string, number>>
  /** The limit, and the length of the window in ms. */
  readonly N: number
  readonly P: number
}

/** A region has given rights of a window to another. */
export interface OfferRecord {
  readonly kind: 'offer'
  readonly policy: string
  readonly subject: string
  readonly text: string
  readonly version: number
  readonly to: string
  readonly window: number
  /** The sum of what was given in this window. */
  readonly total: number
  /** Units that it can still spare. */
  readonly free: number
  /** The limit, and the length of the window in ms. */
  readonly N: number
  readonly P: number
}

/** A region lives. */
export interface BeatRecord {
  readonly kind: 'beat'
  /** The version of messages that it writes, and the latest that it reads. */
  readonly versions: readonly [writes: number, reads: number]
  /** The share tables that it promises. */
  readonly shares: readonly ShareTable[]
  /** By name of another region, the versions of the tables that this one has heard it promise. */
  readonly heard: Readonly<Record<string, readonly number[]>>
}

/** A region has lost its data, and asks the others for theirs. */
export interface ResendRecord {
  readonly kind: 'resend'
}

/** How the rights of a limit are divided from a time on. */
export interface ShareTable {
  readonly version: number
  /** ms since the epoch. */
  readonly from: number
  readonly of: Readonly<Record<string, number>>
}

export type RegionRecord = CountRecord | NeedRecord | OfferRecord | BeatRecord | ResendRecord
