import type { Limit } from '@sluice/core'
import { calendarWindow } from '../model/calendar.ts'
import { burstOf, rateOf } from '../model/bucket.ts'

/** One admission as the store told it, and all that was given back of it. Times are µs of the store's clock. */
export interface Admission {
  readonly at: number
  /** Units taken; 0 for a give-back that names no admission. */
  readonly units: number
  /** ms to wait before going on: a queue. */
  readonly delay?: number | undefined
  /** Concurrency: when the holder ends by itself. */
  readonly until?: number | undefined
  /** Charged past the limit: the promise does not speak of it, but others must still keep within theirs. */
  readonly forced?: boolean | undefined
  readonly givenBack?: readonly GivenBack[] | undefined
  /** The order of issue within one µs; without it, the order in the list. */
  readonly order?: number | undefined
}

export interface GivenBack {
  readonly at: number
  readonly units: number
  readonly order?: number | undefined
}

/** An interval in which more was admitted than promised. */
export interface Violation {
  readonly rule: string
  readonly from: number
  readonly to: number
  readonly admitted: number
  readonly bound: number
}

/**
 * Whether a limit kept the promise that the table of algorithms.md makes for it, over every interval there is: for each
 * admission as the last of an interval, the worst interval that ends with it. Linear after sorting, exact.
 * The admissions are of one subject, under one limit whose numbers did not change, with a clock that did not step back.
 */
export function checkEnvelope(limit: Limit, admissions: readonly Admission[]): readonly Violation[] {
  const events = admissions.toSorted((a, b) => a.at - b.at || (a.order ?? 0) - (b.order ?? 0))
  switch (limit.algorithm) {
    case 'fixedWindow':
      return [...(limit.anchor === 'first' ? perFirst(limit, events) : perWindow(limit, kept(events))), ...acrossEdges(limit, kept(events))]
    case 'slidingWindow':
      return perSlope(`A(t) ≤ L(1 + t/W)`, kept(events), {
        N: BigInt(limit.limit),
        P: micros(limit),
        cap: BigInt(limit.limit) * micros(limit),
      })
    case 'slidingLog':
      return perSpan('A((a, a+W]) ≤ L', kept(events), Number(micros(limit)), limit.limit, false)
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

/** Admitted and never given back. What counts for nothing stays in the list: it may have begun a window. */
function kept(events: readonly Admission[]): readonly Point[] {
  return events.map((event) => pointOf(event))
}

function pointOf(event: Admission): Point {
  return { at: event.at, units: event.forced === true ? 0 : net(event) }
}

function net(event: Admission): number {
  return (event.givenBack ?? []).reduce((left, { units }) => left - units, event.units)
}

function micros(limit: Limit): bigint {
  return BigInt(limit.window) * 1000n
}

/** A(window) ≤ L, per window of the epoch or of the calendar. */
function perWindow(limit: Limit, points: readonly Point[]): readonly Violation[] {
  const found: Violation[] = []
  let [from, to, admitted, told] = [0, -Infinity, 0, false]
  for (const { at, units } of points) {
    if (at >= to) {
      ;[from, to] = windowAt(limit, at)
      admitted = 0
      told = false
    }
    admitted += units
    if (admitted > limit.limit && !told) {
      told = true
      found.push({ rule: 'A(window) ≤ L', from, to, admitted, bound: limit.limit })
    }
  }
  return found
}

/** The same per window from the first charge on: to its end, or to the moment when all that it counts had been given back. */
function perFirst(limit: Limit, events: readonly Admission[]): readonly Violation[] {
  const changes = events.flatMap((event) => [
    { at: event.at, order: event.order ?? 0, units: event.units, kept: pointOf(event).units },
    ...(event.givenBack ?? []).map(({ at, order, units }) => ({ at, order: order ?? 0, units: -units, kept: 0 })),
  ])
  const found: Violation[] = []
  let [from, to, counted, admitted] = [0, -Infinity, 0, 0]
  for (const { at, units, kept: stayed } of changes.toSorted((a, b) => a.at - b.at || a.order - b.order)) {
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

function windowAt({ window, anchor, timeZone }: Limit, at: number): readonly [number, number] {
  const ms = Math.floor(at / 1000)
  if (typeof window !== 'number') {
    const { start, end } = calendarWindow(BigInt(ms), window, timeZone ?? 'UTC')
    return [Number(start) * 1000, Number(end) * 1000]
  }
  const start = anchor === 'first' ? ms : ms - (ms % window)
  return [start * 1000, (start + window) * 1000]
}

function acrossEdges(limit: Limit, points: readonly Point[]): readonly Violation[] {
  if (typeof limit.window !== 'number') return []
  return perSpan('A([a, a+W)) ≤ 2L', points, limit.window * 1000, 2 * limit.limit, true)
}

/** Every interval of one length: two ends that only move forward. */
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

/** A token costs P credits, a µs brings N: the sum over any interval, less what time brought, is at most `cap`. */
interface Slope {
  readonly N: bigint
  readonly P: bigint
  readonly cap: bigint
}

/**
 * The largest sum over all intervals that end here is known from the one that ended at the event before: either it goes on,
 * less what the time between brought, or a new interval begins here.
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

/** A(t) ≤ burst + rate·t, A being what was admitted less what was given back in the interval. */
function perBucket(limit: Limit, events: readonly Admission[]): readonly Violation[] {
  const { N, P } = rateOf(limit)
  const moves: (Point & { readonly order: number })[] = []
  events.forEach((event, i) => {
    if (event.forced !== true && event.units > 0) moves.push({ at: event.at, units: event.units, order: event.order ?? i })
    for (const back of event.givenBack ?? []) moves.push({ at: back.at, units: -back.units, order: back.order ?? i })
  })
  moves.sort((a, b) => a.at - b.at || a.order - b.order)
  return perSlope('A(t) ≤ burst + rate·t', moves, { N, P, cap: burstOf(limit) * P })
}

/** What leaves a queue, forced charges too, since they wait like the others: at most c_max + rate·(t + 1 ms). */
function perOutflow(limit: Limit, events: readonly Admission[]): readonly Violation[] {
  const { N, P } = rateOf(limit)
  const out = events.map((event) => ({ at: event.at + 1000 * (event.delay ?? 0), units: net(event) })).toSorted((a, b) => a.at - b.at)
  const largest = out.reduce((max, { units }) => Math.max(max, units), 0)
  return perSlope('outflow ≤ c_max + rate·(t + 1 ms)', out, { N, P, cap: BigInt(largest) * P + N * 1000n })
}

/** At every instant at most L holders live. One that ends at an instant makes room at that instant. */
function perHolder(limit: Limit, events: readonly Admission[]): readonly Violation[] {
  const turns: { readonly at: number; readonly order: number; readonly by: number }[] = []
  events.forEach((event, i) => {
    if (event.forced === true) return
    const released = event.givenBack?.[0]
    const until = event.until ?? event.at + Number(micros(limit))
    turns.push({ at: event.at, order: event.order ?? i, by: event.units })
    if (released !== undefined && released.at < until) turns.push({ at: released.at, order: released.order ?? i, by: -event.units })
    else turns.push({ at: until, order: -1, by: -event.units })
  })
  turns.sort((a, b) => a.at - b.at || a.order - b.order)
  const found: Violation[] = []
  let living = 0
  for (const { at, by } of turns) {
    living += by
    if (living > limit.limit && by > 0) found.push({ rule: 'live holders ≤ L', from: at, to: at, admitted: living, bound: limit.limit })
  }
  return found
}
