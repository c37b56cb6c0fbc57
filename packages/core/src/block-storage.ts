import type { SourceSignal } from './policy-source.ts'

/** What can be blocked or allowed. */
export interface BlockTarget {
  readonly kind: 'address' | 'subject'
  /** An address or a CIDR in canonical notation, such as `203.0.113.7/32`, or the text of a subject. */
  readonly name: string
}

/** What a subject did within one window of the rule. */
export interface StrikeEvidence {
  /** When the window began: ms since the Unix epoch, by the clock of the storage. */
  readonly since: number
  /** Refusals before the last Retry-After had passed. */
  readonly strikes: number
  /** All refusals. */
  readonly refused: number
  /** All requests. */
  readonly requests: number
  /** Distinct endpoints, at most 256: two endpoints may count as one. */
  readonly endpoints: number
  /** The limits that refused, as `<limiter>/<limit>`: at most 8. */
  readonly limits: readonly string[]
}

/** One entry of a block list. */
export interface BlockRecord extends BlockTarget {
  /** `drop` closes the connection where the host can. `shadow` only reports. `allow` is never blocked. */
  readonly effect: 'refuse' | 'drop' | 'shadow' | 'allow'
  /** The rule that blocked; `manual` for an entry by hand. */
  readonly rule: string
  /** When it began: ms since the Unix epoch, by the clock of the storage. */
  readonly since: number
  /** When it ends; `Infinity` for an `allow` without an end. */
  readonly until: number
  /** How often it was blocked by the rule, less one for each quiet day; 0 by hand. */
  readonly level: number
  /** Why the rule blocked it; `undefined` by hand. */
  readonly evidence: StrikeEvidence | undefined
  /** What the operator wrote; '' by a rule. */
  readonly reason: string
}

/** What one process counted of a subject since its last report. */
export interface StrikeReport extends BlockTarget, Pick<StrikeEvidence, 'strikes' | 'refused' | 'requests' | 'limits'> {
  /** A set of 256 bits, by a hash of each endpoint: 64 hexadecimal digits. */
  readonly endpoints: string
}

/** When strikes become a block, and for how long. Durations are in ms. */
export interface EscalationRule {
  readonly name: string
  readonly effect: Exclude<BlockRecord['effect'], 'allow'>
  readonly window: number
  readonly strikes: number
  readonly endpoints: number
  /** Which part of the requests was refused, 0 to 1. */
  readonly refusedShare: number
  /** The first block; each level doubles it. */
  readonly first: number
  readonly longest: number
  /** A time without a block in which the level falls by one. */
  readonly quiet: number
  /** New blocks a minute, of all processes. */
  readonly maxPerMinute: number
  /** New blocks a minute for each active subject, 0 to 1. One is always possible. */
  readonly maxShare: number
  /** How many subjects this process served in the last minute. */
  readonly active: number
  /** Entries that the list may have. */
  readonly maxEntries: number
}

/** What became of the reports of one process. */
export interface ReportAnswer {
  /** The new blocks. */
  readonly blocked: readonly BlockRecord[]
  /** Subjects that break the rule, and were not blocked since the budget of new blocks was spent. */
  readonly overBudget: number
  /** Subjects that were not blocked since the list is full. */
  readonly full: number
}

/** An entry by hand: the storage adds its times. */
export interface ManualBlock extends BlockTarget, Pick<BlockRecord, 'effect' | 'reason'> {
  /** ms from now; `Infinity` only for `allow`. */
  readonly duration: number
  readonly maxEntries: number
}

/** What is known of one target. */
export interface TargetHistory {
  readonly record: BlockRecord | undefined
  /** The strikes that are being counted. */
  readonly evidence: StrikeEvidence | undefined
  /** The level of its last block by a rule, as that block ended; 0 if it was never blocked, or long ago. */
  readonly level: number
}

/** A change of the list. */
export type BlockEvent =
  | { readonly type: 'put'; readonly record: BlockRecord; readonly cursor: string }
  | { readonly type: 'remove'; readonly target: BlockTarget; readonly cursor: string }
  /** Nothing has changed up to the cursor: the storage is reachable. */
  | { readonly type: 'progress'; readonly cursor: string }

/** All entries of a list at one time. */
export interface BlockSnapshot {
  /** Where `watch` goes on. */
  readonly cursor: string
  readonly records: readonly BlockRecord[]
}

/** Where the block list of a fleet is kept, and where strikes of all its processes become one block. */
export interface BlockStorage {
  /** Names the storage in messages. */
  readonly name: string
  /** All entries that have not ended. */
  load(): Promise<BlockSnapshot>
  /**
   * Emits every change after `cursor`. Resolves when changes are missing and everything must be loaded again, or when `signal` is aborted.
   * Rejects if the storage is away.
   */
  watch(cursor: string, emit: (event: BlockEvent) => void, signal: SourceSignal): Promise<void>
  /**
   * Adds what one process counted, each target once, and decides in one atomic step. Two processes that escalate a subject at once
   * make one block.
   */
  report(reports: readonly StrikeReport[], rule: EscalationRule): Promise<ReportAnswer>
  /** Writes an entry by hand. Replaces a block; `'allowed'` if an `allow` of the same target is in the way, `'full'` if the list is full. */
  put(block: ManualBlock): Promise<BlockRecord | 'allowed' | 'full'>
  /** Removes an entry of this kind, and the level of its target. Returns whether there was one. */
  remove(target: BlockTarget, kind: 'block' | 'allow'): Promise<boolean>
  /** What is known of a target. */
  history(target: BlockTarget): Promise<TargetHistory>
  /** For how many ms this revision of a policy has been known, also to other processes. `Infinity` for the first one that the storage sees. */
  revisionAge(policy: string, revision: number): Promise<number>
  close?(): void | Promise<void>
}

/** How many endpoints a report has: the bits of its `endpoints` that are set. Every storage counts them so. */
export function endpointsIn(set: string): number {
  let count = 0
  for (const digit of set) for (let value = Number.parseInt(digit, 16); value > 0; value >>= 1) count += value & 1
  return count
}

/** The level of the longest block of a rule. Further blocks have no higher one. */
export function highestLevel({ first, longest }: Pick<EscalationRule, 'first' | 'longest'>): number {
  return Math.ceil(Math.log2(longest / first)) + 1
}
