import type { Charge, ConsumeOptions, Outcome } from '@sluice/core'
import { algorithmOf } from '@sluice/core/algorithms'
import { type LeasedCharges, uniqueId } from '@sluice/core/store-kit'
import type { RedisStoreError } from './errors.ts'
import type { Placement } from './keys.ts'
import { leasesKey } from './state/ledger-keys.ts'

/** The most decisions, and the most charges, of one command: a larger command would hold up the server for other clients. */
export const MAX_DECISIONS = 64
export const MAX_CHARGES = 192

/** What is done with the states of a decision. */
export type Operation = NonNullable<ConsumeOptions['how']> | 'reset' | 'block'

/**
 * Decides on the keys that can share one atomic step: those of one server, or of one partition of a cluster. Scripts and transactions
 * both implement it.
 */
export interface Executor {
  /**
   * Decides charges in the order of the calls. A reset, whose options are those of a peek, returns the outcomes of a peek before it. For
   * a block, `cost` is in ms (0 ends it, below 0 reads it), and the outcomes say which subjects were blocked before.
   * @throws RedisStoreError if the decision could not be made
   */
  decide(charges: readonly Charge[], places: Places, how: Operation, options: ConsumeOptions): Promise<readonly (Outcome | undefined)[]>
  /** Resolves when every earlier call has been answered, and connections that only the executor uses are closed. */
  close(): Promise<void>
}

/** Takes the charges of a decision that changes counts, and its outcomes: `undefined` if the charges may have been made or not. */
export type DecisionListener = (charges: readonly Charge[], outcomes: readonly (Outcome | undefined)[] | undefined) => void

/** Where the state of each charge of a decision is. */
export interface Places {
  /** The keys, equal for charges whose states share a value. */
  readonly keys: readonly string[]
  readonly placements: readonly Placement[]
  /** For each charge whose state has a key of its own, that of the value that has the block of its subject. Absent if there is no such charge. */
  readonly blockKeys?: readonly (string | undefined)[] | undefined
}

/** One call of `Executor.decide`, in the form that is sent to Redis. */
export interface PendingDecision extends LeasedCharges, Places {
  readonly how: Operation
  readonly options: ConsumeOptions
  /** The id of a new concurrency holder; '' for a decision without one. */
  readonly holder: string
}

/** A pending decision, and the two ends of its promise. */
export interface Settleable extends PendingDecision {
  resolve(outcomes: readonly (Outcome | undefined)[]): void
  reject(error: unknown): void
}

/** Reports what should not happen: a state that cannot be read, or a verdict on which Lua and TypeScript disagree. */
export type ReportAnomaly = (code: 'ANOMALY_STATE_UNREADABLE' | 'ANOMALY_STATE_DROPPED' | 'ANOMALY_VERDICT', message: string) => void

export function reportLost(report: ReportAnomaly, unreadable: number, dropped: number): void {
  if (unreadable > 0) report('ANOMALY_STATE_UNREADABLE', `${unreadable} states could not be read and count as absent`)
  if (dropped > 0)
    report('ANOMALY_STATE_DROPPED', `${dropped} states were dropped, since a policy keeps at most 32 of a subject; use fewer windows`)
}

/** How many keys a decision reads, besides lease ledgers. */
export function keyCountOf({ keys, blockKeys = [] }: Places): number {
  return new Set([...keys, ...blockKeys.filter((key) => key !== undefined)]).size
}

/** The id of the state of each charge: charges with equal ids share a state. */
export function stateIdsOf({ keys, placements }: Places): readonly string[] {
  return keys.map((key, i) => `${key} ${placements[i]?.id}`)
}

export function rejectAll(decisions: readonly Settleable[], error: RedisStoreError): void {
  for (const decision of decisions) decision.reject(error)
}

/**
 * The id of the concurrency holders that a decision acquires; '' if it acquires none. The id is made before the decision is sent: after a
 * lost reply the holder can still be released, and the same decision sent again takes nothing more.
 */
export function newHolder(charges: readonly Charge[]): string {
  return charges.some(({ limit }) => algorithmOf(limit).holds) ? uniqueId() : ''
}

/** Every key that the decisions read, of states and of lease ledgers, and its index, from 1. */
export function keysOf(decisions: readonly PendingDecision[]): Map<string, number> {
  const indexes = new Map<string, number>()
  for (const { keys, leases, blockKeys } of decisions) {
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string
      const blockKey = blockKeys?.[i]
      if (!indexes.has(key)) indexes.set(key, indexes.size + 1)
      if (blockKey !== undefined && !indexes.has(blockKey)) indexes.set(blockKey, indexes.size + 1)
      if (leases[i] !== undefined && !indexes.has(leasesKey(key))) indexes.set(leasesKey(key), indexes.size + 1)
    }
  }
  return indexes
}
