import type { MaybePromise } from '@sluice/core'
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

/** Who sent a record: the index of the region, and when it sent it (ms, by its clock). */
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
