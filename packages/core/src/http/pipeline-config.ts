import type { LimiterEngine } from '../limiter-engine.ts'
import type { LimitSet } from '../policy.ts'
import type { MaybePromise } from '../runtime.ts'
import type { BlockGate } from './block-gate.ts'
import type { Dialect } from './headers/headers.ts'
import type { PartitionKeys } from './headers/partition-keys.ts'
import type { Host } from './host.ts'
import type { Age } from './made-per-request.ts'
import type { RateLimitOptions } from './options.ts'
import type { Settling } from './settlement.ts'
import type { Subjects } from './subjects.ts'

/** What every pipeline needs to admit a request, or to answer it. Made once per pipeline. */
export interface RequestConfig<C, R> extends Settling<C, R> {
  readonly host: Host<C>
  // Copies of the options that every request needs: `options` has a different shape in each pipeline, so it is slower to read.
  readonly skip: ((context: C) => MaybePromise<boolean>) | undefined
  readonly cost: RateLimitOptions<C, R>['cost']
  readonly dialect: Dialect
  /** The policy is `{ limit, window }`: headers give its only limit the name of the policy. */
  readonly shorthand: boolean
  readonly partitionKeys: PartitionKeys | undefined
  /** `undefined` without a block list. */
  readonly blocks: BlockGate<C> | undefined
}

/** All that the steps need of a pipeline whose limits are in its options. */
export interface PipelineConfig<C, R> extends RequestConfig<C, R> {
  readonly tier: RateLimitOptions<C, R>['tier']
  /** `undefined` for a limiter that an application wrapped: it has one subject, and selects its limits itself. */
  readonly engine: LimiterEngine | undefined
  /** Whether functions give each request its own numbers. */
  readonly readsNumbers: boolean
  readonly readSubjects: (context: C, set: LimitSet) => MaybePromise<Subjects>
  /** `undefined` for a limiter that was given, and for an extension. */
  readonly age: Age | undefined
  /** False: no response of this pipeline has to be followed. */
  readonly mayFollow: boolean
}
