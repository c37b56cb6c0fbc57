import type { Decision, MaybePromise } from '@sluice/core'

/** The topic of decisions. */
export const DECISIONS = 'sluice.decisions.v1'
/** The topic of rollups. */
export const USAGE = 'sluice.usage.v1'

/** One decision, sampled. `''` stands for a text that is not known. */
export interface DecisionEvent {
  /** A UUID. An event that is delivered twice has the same one. */
  readonly id: string
  /** ms since the Unix epoch, by the clock of the process. */
  readonly at: number
  readonly region: string
  /** The process. */
  readonly instance: string
  /** The namespace of the document, else the name of the limiter. */
  readonly namespace: string
  readonly tenant: string
  /** The policy of the binding limit; without a document the name of the limiter. `''` if no limit applied. */
  readonly policy: string
  /** The binding limit; of a block by `blockList`, its rule. */
  readonly limit: string
  readonly tier: string
  readonly mode: Decision['mode']
  readonly verdict: Decision['verdict']
  /** What decided: a store by its name, or a layer. */
  readonly source: string
  /** The pattern of the route, never a path. */
  readonly endpoint: string
  readonly method: string
  /** Who was limited: 32 hexadecimal digits of an HMAC. With `subjects: 'plain'`, its first 256 UTF-16 units. */
  readonly subject: string
  /** Units that the binding limit was asked for. */
  readonly cost: number
  /** Units left of the binding limit; -1 if no limit applied. */
  readonly remaining: number
  /** ms; -1 if the request would never be admitted. */
  readonly retry_after_ms: number
  /** Microseconds that the decision took; 0 if that is not known. */
  readonly latency_us: number
  /** The revision of the document; 0 without one. */
  readonly revision: number
  /** How many decisions this one stands for. Sum it, and do not count events. */
  readonly weight: number
  /** The trace of a refused request. */
  readonly trace_id: string
}

/**
 * How many decisions a process made in a minute, by these fields. A later row of one minute, process and key replaces an earlier one: the largest
 * value counts.
 */
export interface UsageRow {
  /** The start of the minute: seconds since the Unix epoch. */
  readonly minute: number
  readonly namespace: string
  readonly tenant: string
  /** `''` for the row that counts each request once. */
  readonly policy: string
  readonly endpoint: string
  readonly region: string
  readonly tier: string
  readonly mode: Decision['mode']
  readonly verdict: Decision['verdict']
  /** A UUID of the process. It counts no minute twice under one. */
  readonly boot: string
  /** Decisions since the start of the minute. */
  readonly requests: number
  /** Units of these decisions: what was granted, or for a refusal what was asked for. */
  readonly units: number
}

/** What a sink gets in one call: at most 500 events of one topic. */
export type EventBatch =
  | { readonly topic: typeof DECISIONS; readonly events: readonly DecisionEvent[] }
  | { readonly topic: typeof USAGE; readonly events: readonly UsageRow[] }

/**
 * Where events go. A batch is sent again until `send` resolves. So a batch may arrive twice, and its events have the same ids then.
 * An error with `isFinal: true` says that this batch will never be taken; one with `retryAfter`, for how many ms the sink wants to be left alone: up to 15 minutes count.
 */
export interface EventSink {
  /** Names the sink in messages. */
  readonly name: string
  /** Resolves when the sink has the whole batch. `signal` is aborted when nobody waits for it any more. */
  send(batch: EventBatch, signal: AbortSignal): MaybePromise<unknown>
  /** Called when the events are closed. */
  close?(): MaybePromise<unknown>
}

/** What a sink may say in its error. */
export interface SinkRefusal {
  readonly isFinal?: boolean | undefined
  readonly retryAfter?: number | undefined
}
