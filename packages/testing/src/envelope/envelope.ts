import type { Limit } from '@sluice/core'
import { anchorOf, calendarWindow } from '../model/calendar.ts'
import { burstOf, rateOf } from '../model/bucket.ts'

/** One admitted charge, from the store's outcome, with its later refunds. Times are µs of the store's clock. */
export interface Admission {
  /** `at` of the outcome. */
  readonly at: number
  /** `granted` of the outcome; 0 for a refund that belongs to no admission. */
  readonly units: number
  /** Queues only: ms between the admission and the moment when the request may run. */
  readonly delay?: number | undefined
  /** Concurrency only: when the holder expires. */
  readonly until?: number | undefined
  /** True for a forced charge. The promise does not cover it, but still holds for all other charges. */
  readonly forced?: boolean | undefined
  readonly refunds?: readonly Refund[] | undefined
  /** Order within the same µs. Default: the order in the list. */
  readonly order?: number | undefined
}

export interface Refund {
  readonly at: number
  readonly units: number
  readonly order?: number | undefined
}

/** An interval in which more was admitted than the limit promises. */
export interface Violation {
  /** The broken promise, as in docs/algorithms.md. */
  readonly rule: string
  /** µs */
  readonly from: number
  /** µs */
  readonly to: number
  /** Units, or holders. */
  readonly admitted: number
  readonly bound: number
}

/**
 * Checks the promise that docs/algorithms.md makes for a limit, over every interval and not only aligned ones. For each
 * admission it finds the worst interval that ends there: exact, and linear in time after sorting.
 *
 * Valid for the admissions of one subject under one unchanged limit, by a clock that never stepped back. `recordStore()`
 * collects them.
 *
 * @returns the violations; empty when the promise was kept
 *
 * @example
 * ```ts
 * import { fixedWindow } from '@sluice/core'
 * import { checkEnvelope } from '@sluice/testing'
 *
 * const { limit } = fixedWindow({ name: 'second', limit: 2, window: '1s' })
 * // Times are µs: three units within the same second, where the limit promises at most two.
 * const violations = checkEnvelope(limit, [0, 100, 200].map((at) => ({ at, units: 1 })))
 * // [{ rule: 'A(window) ≤ L', from: 0, to: 1_000_000, admitted: 3, bound: 2 }]
 * ```
 */
export function checkEnvelope(limit: Limit, admissions: readonly Admission[]): readonly Violation[] {
  const events = admissions.toSorted((a, b) => a.at - b.at || (a.order ?? 0) - (b.order ?? 0))
  switch (limit.algorithm) {
    case 'fixedWindow':
      return [
        ...(limit.anchor === 'first' ? perAnchoredWindow(limit, events) : perWindow(limit, remainingUnits(events))),
        ...acrossEdges(limit, remainingUnits(events)),
      ]
    case 'slidingWindow':
      return perSlope(`A(t) ≤ L(1 + t/W)`, remainingUnits(events), {
        N: BigInt(limit.limit),
        P: micros(limit),
        cap: BigInt(limit.limit) * micros(limit),
      })
    case 'slidingLog':
      return perSpan('A((a, a+W]) ≤ L', remainingUnits(events), Number(micros(limit)), limit.limit, false)
    case 'tokenBucket':
      return perBucket(limit, events)
    case 'leakyBucket':
      return limit.queue === true ? perOutflow(limit, events) : perBucket(limit, events)
    case 'concurrency':
      return perHolder(limit, events)
  }
}

interface Point {
  readonly at: number
  readonly units: number
}

/** Units that were admitted and never refunded. Points of 0 units stay in the list, since they may have started a window. */
function remainingUnits(events: readonly Admission[]): readonly Point[] {
  return events.map((event) => pointOf(event))
}

function pointOf(event: Admission): Point {
  return { at: event.at, units: event.forced === true ? 0 : net(event) }
}

function net(event: Admission): number {
  return (event.refunds ?? []).reduce((left, { units }) => left - units, event.units)
}

function micros(limit: Limit): bigint {
  return BigInt(limit.window) * 1000n
}

/** A(window) ≤ L, for each window aligned to the epoch or the calendar. */
function perWindow(limit: Limit, points: readonly Point[]): readonly Violation[] {
  const found: Violation[] = []
  let [from, to, admitted, reported] = [0, -Infinity, 0, false]
  for (const { at, units } of points) {
    if (at >= to) {
      ;[from, to] = windowAt(limit, at)
      admitted = 0
      reported = false
    }
    admitted += units
    if (admitted > limit.limit && !reported) {
      reported = true
      found.push({ rule: 'A(window) ≤ L', from, to, admitted, bound: limit.limit })
    }
  }
  return found
}

/** A(window) ≤ L, for windows that start with the first charge. Such a window also ends when all of its units are refunded. */
function perAnchoredWindow(limit: Limit, events: readonly Admission[]): readonly Violation[] {
  const changes = events.flatMap((event) => [
    { at: event.at, order: event.order ?? 0, units: event.units, net: pointOf(event).units },
    ...(event.refunds ?? []).map(({ at, order, units }) => ({ at, order: order ?? 0, units: -units, net: 0 })),
  ])
  const found: Violation[] = []
  let [from, to, counted, admitted] = [0, -Infinity, 0, 0]
  for (const { at, units, net: stayed } of changes.toSorted((a, b) => a.at - b.at || a.order - b.order)) {
    if (units > 0 && (counted === 0 || at >= to)) {
      ;[from, to] = windowAt(limit, at)
      counted = 0
      admitted = 0
    }
    if (at < to) counted += units
    if (stayed > 0 && admitted <= limit.limit && admitted + stayed > limit.limit) {
      found.push({ rule: 'A(window) ≤ L', from, to, admitted: admitted + stayed, bound: limit.limit })
    }
    admitted += stayed
  }
  return found
}

function windowAt(limit: Limit, at: number): readonly [number, number] {
  const { window, anchor, timeZone } = limit
  const ms = Math.floor(at / 1000)
  if (typeof window !== 'number') {
    const { start, end } = calendarWindow(BigInt(ms), window, timeZone ?? 'UTC', anchorOf(limit))
    return [Number(start) * 1000, Number(end) * 1000]
  }
  const start = anchor === 'first' ? ms : ms - (ms % window)
  return [start * 1000, (start + window) * 1000]
}

function acrossEdges(limit: Limit, points: readonly Point[]): readonly Violation[] {
  if (typeof limit.window !== 'number') return []
  return perSpan('A([a, a+W)) ≤ 2L', points, limit.window * 1000, 2 * limit.limit, true)
}

/** Every interval of one length, by two pointers that only move forward. */
function perSpan(rule: string, points: readonly Point[], span: number, bound: number, halfOpen: boolean): readonly Violation[] {
  const found: Violation[] = []
  let first = 0
  let admitted = 0
  for (const { at, units } of points) {
    admitted += units
    for (let oldest = points[first] as Point; oldest.at <= at - span; oldest = points[first] as Point) {
      admitted -= oldest.units
      first++
    }
    if (admitted > bound) found.push({ rule, from: halfOpen ? (points[first] as Point).at : at - span, to: at, admitted, bound })
  }
  return found
}

/** A unit costs P credits, a µs earns N. Over any interval, cost less earnings is at most `cap`. */
interface Slope {
  readonly N: bigint
  readonly P: bigint
  readonly cap: bigint
}

/**
 * Kadane's algorithm: the worst interval that ends at an event either continues the worst interval of the event before, less the
 * credits earned meanwhile, or starts here.
 */
function perSlope(rule: string, points: readonly Point[], { N, P, cap }: Slope): readonly Violation[] {
  const found: Violation[] = []
  let worst = 0n
  let from = 0
  let admitted = 0
  let last = 0
  for (const { at, units } of points) {
    worst -= N * BigInt(at - last)
    if (worst <= 0n) {
      worst = 0n
      admitted = 0
      from = at
    }
    worst += P * BigInt(units)
    admitted += units
    last = at
    if (worst > cap) found.push({ rule, from, to: at, admitted, bound: Number(cap + N * BigInt(at - from)) / Number(P) })
  }
  return found
}

/** A(t) ≤ burst + rate·t, where A is what was admitted less what was refunded in the interval. */
function perBucket(limit: Limit, events: readonly Admission[]): readonly Violation[] {
  const { N, P } = rateOf(limit)
  const moves: (Point & { readonly order: number })[] = []
  events.forEach((event, i) => {
    if (event.forced !== true && event.units > 0) moves.push({ at: event.at, units: event.units, order: event.order ?? i })
    for (const refund of event.refunds ?? []) moves.push({ at: refund.at, units: -refund.units, order: refund.order ?? i })
  })
  moves.sort((a, b) => a.at - b.at || a.order - b.order)
  return perSlope('A(t) ≤ burst + rate·t', moves, { N, P, cap: burstOf(limit) * P })
}

/** What leaves a queue is at most c_max + rate·(t + 1 ms). Forced charges are included, since they wait like all others. */
function perOutflow(limit: Limit, events: readonly Admission[]): readonly Violation[] {
  const { N, P } = rateOf(limit)
  const out = events.map((event) => ({ at: event.at + 1000 * (event.delay ?? 0), units: net(event) })).toSorted((a, b) => a.at - b.at)
  const largest = out.reduce((max, { units }) => Math.max(max, units), 0)
  return perSlope('outflow ≤ c_max + rate·(t + 1 ms)', out, { N, P, cap: BigInt(largest) * P + N * 1000n })
}

/** At every instant at most L holders are live. A holder that ends at an instant no longer counts at that instant. */
function perHolder(limit: Limit, events: readonly Admission[]): readonly Violation[] {
  const changes: { readonly at: number; readonly order: number; readonly by: number }[] = []
  events.forEach((event, i) => {
    if (event.forced === true) return
    const released = event.refunds?.[0]
    const until = event.until ?? event.at + Number(micros(limit))
    changes.push({ at: event.at, order: event.order ?? i, by: event.units })
    if (released !== undefined && released.at < until) changes.push({ at: released.at, order: released.order ?? i, by: -event.units })
    else changes.push({ at: until, order: -1, by: -event.units })
  })
  changes.sort((a, b) => a.at - b.at || a.order - b.order)
  const found: Violation[] = []
  let live = 0
  for (const { at, by } of changes) {
    live += by
    if (live > limit.limit && by > 0) found.push({ rule: 'live holders ≤ L', from: at, to: at, admitted: live, bound: limit.limit })
  }
  return found
}
