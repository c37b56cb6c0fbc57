import type { Clock, MaybePromise } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/store-kit'
import type { EventBatch, EventSink } from './events.ts'
import type { EventWarning } from './warnings.ts'

/** The options of `decisionEvents`. */
export interface DecisionEventsOptions {
  /**
   * Where events go: `httpSink`, `jsonLines`, `kafkaSink` of `@sluice/kafka`, or a function that gets each batch. A batch is sent again until
   * the function has resolved.
   */
  readonly sink: EventSink | ((batch: EventBatch, signal: AbortSignal) => MaybePromise<unknown>)
  /**
   * The key of the HMAC that stands for a subject: a text of at least 16 characters, the same in every process. Who has it can find out
   * whether a subject that they know is in the events. Required, unless `subjects` is `'plain'`.
   */
  readonly secret?: string | undefined
  /**
   * `'hashed'` writes an HMAC in place of each subject. `'plain'` writes the subject itself: an address, a key, a user. Then events are personal
   * data, and may hold credentials. Default: `'hashed'`.
   */
  readonly subjects?: 'hashed' | 'plain' | undefined
  /** The share of admitted requests that become events: 0 to 1. Sums of `weight` and of rollups do not depend on it. Default: 0.01. */
  readonly sample?: number | undefined
  /** Refusals a second of this process that all become events: 0 to 100,000. Those beyond are sampled as admitted ones are. Default: 1,000. */
  readonly refusals?: number | undefined
  /** Events that may wait for the sink: 1 to 1,000,000, about 500 bytes each. Beyond it the oldest are dropped and counted. Default: 10,000. */
  readonly maxQueue?: number | undefined
  /** ms that the sink may take for a batch, from 1. Then the batch is sent again, and may arrive twice. Default: 10,000. */
  readonly timeout?: number | undefined
  /** Where this process runs, as the column `region` has it. Default: `''`. */
  readonly region?: string | undefined
  /** The name of this process in events, such as that of its pod. Default: a random id. */
  readonly instance?: string | undefined
  /**
   * The id of the trace of the current request. Called while a request is refused. Default: events have no trace.
   * With OpenTelemetry: `() => trace.getActiveSpan()?.spanContext().traceId`.
   */
  readonly traceId?: (() => string | undefined) | undefined
  /** `warning` is called once when the sink goes away, when it is back, and when it refuses a batch for good. Default: to the console. */
  readonly on?: { readonly warning?: ((warning: EventWarning) => void) | undefined } | undefined
  /** Where time comes from, for tests. Default: the clock of the system. */
  readonly clock?: Clock | undefined
}

const KNOWN = ['sink', 'secret', 'subjects', 'sample', 'refusals', 'maxQueue', 'timeout', 'region', 'instance', 'traceId', 'on', 'clock']
const WHERE = 'decisionEvents'
const MIN_SECRET = 16

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function checkEventOptions(options: DecisionEventsOptions): void {
  knownOptions(WHERE, options, KNOWN)
  const { sink, subjects = 'hashed', secret, sample = 0, refusals = 0, maxQueue = 1, timeout = 1, traceId, on = {} } = options
  if (typeof sink !== 'function' && typeof sink?.send !== 'function')
    throw invalid(`${WHERE}: sink`, 'a sink such as httpSink(), or a function', sink)
  if (subjects !== 'hashed' && subjects !== 'plain') throw invalid(`${WHERE}: subjects`, "'hashed' or 'plain'", subjects)
  // The message must not show a secret that is too short.
  if (subjects === 'hashed' && !(typeof secret === 'string' && secret.length >= MIN_SECRET))
    throw invalid(
      `${WHERE}: secret`,
      `a text of at least ${MIN_SECRET} characters, the same in every process, or subjects: 'plain'`,
      typeof secret === 'string' ? secret.length : secret,
    )
  between('sample', sample, 0, 1)
  whole('refusals', refusals, 0, 100_000)
  whole('maxQueue', maxQueue, 1, 1_000_000)
  between('timeout', timeout, 1, 600_000)
  for (const name of ['region', 'instance'] as const) {
    const value = options[name]
    if (value !== undefined && typeof value !== 'string') throw invalid(`${WHERE}: ${name}`, 'a text', value)
  }
  if (traceId !== undefined && typeof traceId !== 'function') throw invalid(`${WHERE}: traceId`, 'a function', traceId)
  knownOptions(`${WHERE}: on`, on, ['warning'])
  if (on.warning !== undefined && typeof on.warning !== 'function') throw invalid(`${WHERE}: on.warning`, 'a function', on.warning)
}

function between(name: string, value: number, least: number, most: number): void {
  if (!(typeof value === 'number' && value >= least && value <= most))
    throw invalid(`${WHERE}: ${name}`, `a number from ${least} to ${most}`, value)
}

function whole(name: string, value: number, least: number, most: number): void {
  if (!(Number.isInteger(value) && value >= least && value <= most))
    throw invalid(`${WHERE}: ${name}`, `a whole number from ${least} to ${most}`, value)
}
