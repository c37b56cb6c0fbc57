import type { MaybePromise } from '@sluice/core'
import type { Heartbeat, HeartbeatResult } from './heartbeat.ts'
import type { CountRecord } from './record.ts'
import type { Shape } from './shape.ts'
import type { AppliedRecord, Collected, Terms } from './steps.ts'

/** A policy and subject whose count may have changed. */
export interface CollectKey {
  readonly policy: string
  readonly subject: string
  readonly shapes: readonly Shape[]
  /** Whether an earlier record may not have left this process, so that it is published again. */
  readonly isForced: boolean
}

/** Who sent a record: the id of the region, and when it sent it (ms, by its clock). */
export interface RecordSource {
  readonly region: number
  readonly at: number
}

/** The store of a region, as the exchange uses it. What a call does to one policy and subject is one atomic step. */
export interface RegionStorage {
  /** The partition of a subject, from 0. All policies of a subject have the same. */
  partitionOf(subject: string): number
  /** Reads what may be published of up to 64 subjects of one partition, and marks it as published. */
  collect(
    keys: readonly CollectKey[],
    terms: Terms,
  ): MaybePromise<readonly Pick<Collected & { record?: CountRecord }, 'result' | 'record'>[]>
  /** Applies up to 64 records of another region, of subjects of one partition. */
  apply(records: readonly CountRecord[], source: RecordSource, terms: Terms): MaybePromise<readonly Omit<AppliedRecord, 'changes'>[]>
}

/** What a store keeps of the regions themselves. */
export interface BeatStorage {
  /** Writes what a process says of itself and of other regions, and reads what all processes of this region have said, in one atomic step. */
  heartbeat(request: Heartbeat): MaybePromise<HeartbeatResult>
}

/** A subject that has a ledger. */
export interface LedgerName {
  /** `undefined` for another policy than those that were named. */
  readonly policy: string | undefined
  readonly subject: string
}

/** Finds what a region has exchanged. */
export interface LedgerStorage {
  /** The subjects that have a ledger, some at a time, with those of these policies by name. A subject may come twice, and a hashed one is missing. */
  ledgers(policies: readonly string[]): AsyncIterable<readonly LedgerName[]>
}

/** Forgets what a region has counted. */
export interface ResetStorage {
  /** Resets limits of up to 64 subjects of one partition, each subject in one atomic step. `keep`: ms. */
  reset(keys: readonly Omit<CollectKey, 'isForced'>[], keep: number): MaybePromise<void>
}
