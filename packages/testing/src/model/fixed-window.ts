import type { CalendarWindow, Limit } from '@sluice/core'
import { anchorOf, calendarWindow, epochWindow, laterName } from './calendar.ts'
import { type ModelAlgorithm, floor, min, MAX_COUNT, max } from './algorithm.ts'
import { growingDelay, isWithinLimit, metered, refundable, usable } from './metered.ts'

/** `start` is absent until the first charge starts a window. */
interface Counted {
  readonly start: bigint | undefined
  readonly count: bigint
}

interface Receipt {
  readonly start: bigint
  readonly units: bigint
}

/** ms. A window that starts up to this far ahead is still current: the clock has stepped back a little. */
export const AHEAD = 5_000n

export const fixedWindow: ModelAlgorithm<Counted> = metered<Counted>({
  variantOf: ({ window, anchor = 'epoch', timeZone = 'UTC', movable }) =>
    JSON.stringify(typeof window === 'number' ? [window, anchor] : movable === true ? [window] : [window, anchorOf({ anchor }), timeZone]),
  quota: ({ limit }) => BigInt(limit),

  read(state, limit, now) {
    const ms = floor(now, 1000n)
    const fresh = windowAt(limit, ms)
    if (state?.start === undefined) return { start: fresh?.start, count: 0n }
    // Everything was refunded, so the next charge starts a new window.
    if (limit.anchor === 'first' && state.count === 0n) return { start: undefined, count: 0n }
    const { start, count } = state
    if (isMovable(limit)) return readMovable(start, count, limit, ms)
    if (start > ms) return start - ms <= AHEAD ? state : { start: fresh?.start ?? ms, count }
    if (ms >= endOf(limit, start)) return { start: fresh?.start, count: 0n }
    return state
  },

  remaining: ({ count }, limit) => min(BigInt(limit.limit), max(0n, usable(limit) - count)),
  used: ({ count }) => max(0n, count),
  fits({ start, count }, limit, units, time) {
    const over = start !== undefined && floor(time, 1000n) >= endOf(limit, start)
    return (over ? 0n : count) + units <= usable(limit) && isWithinLimit(limit, units)
  },
  resetAfter: ({ start, count }, limit, now) => (start === undefined || count === 0n ? 0n : endOf(limit, start) - floor(now, 1000n)),

  take(state, _limit, units, now) {
    const start = state.start ?? floor(now, 1000n)
    return { state: { start, count: state.count + units }, units, receipt: { start, units } satisfies Receipt }
  },
  force(state, _limit, cost, now) {
    const start = state.start ?? floor(now, 1000n)
    const count = min(MAX_COUNT, state.count + cost)
    const units = count - state.count
    return units === 0n ? undefined : { state: { start, count }, units, receipt: { start, units } satisfies Receipt }
  },
  refund(state, request, requested) {
    const receipt = request.receipt as Receipt
    const units = receipt.start === state.start ? min(requested, min(receipt.units, refundable(request.limit, state.count, MAX_COUNT))) : 0n
    return units === 0n ? undefined : { state: { start: state.start, count: state.count - units }, units }
  },
  untilEnd: ({ start }, limit, now) => endOf(limit, start as bigint) - floor(now, 1000n),
  credit({ start, count }, limit, requested) {
    const units = limit.rights === undefined ? min(requested, max(0n, count)) : 0n
    return { state: { start, count: count - units }, units }
  },
  refundsWithoutReceipt: () => false,
  delay: ({ count }, limit, _now, units) => growingDelay(limit, count + units),
})

/** Where the calendar depends on the request, a state has the name of a window in place of its start. */
function isMovable(limit: Limit): limit is Limit & { readonly window: CalendarWindow } {
  return limit.movable === true && typeof limit.window !== 'number'
}

/** Another calendar may be up to three windows ahead: their counts stay. */
function readMovable(name: bigint, count: bigint, limit: Limit & { readonly window: CalendarWindow }, ms: bigint): Counted {
  const current = calendarOf(limit, ms).name
  if (name < current) return { start: current, count: 0n }
  return name > laterName(current, limit.window, 3) ? { start: current, count } : { start: name, count }
}

function calendarOf(limit: Limit & { readonly window: CalendarWindow }, ms: bigint) {
  return calendarWindow(ms, limit.window, limit.timeZone ?? 'UTC', anchorOf(limit))
}

/** The window that is current at `ms`; none where the first charge starts it. */
function windowAt(limit: Limit, ms: bigint): { readonly start: bigint } | undefined {
  const { window, anchor, timeZone } = limit
  if (isMovable(limit)) return { start: calendarOf(limit, ms).name }
  if (typeof window !== 'number') return calendarWindow(ms, window, timeZone ?? 'UTC', anchorOf(limit))
  return anchor === 'first' ? undefined : epochWindow(ms, BigInt(window))
}

function endOf(limit: Limit, start: bigint): bigint {
  if (isMovable(limit)) {
    // From a time before the window of this name, the first end after which the name is a later one.
    let window = calendarOf(limit, start - 4n * 86_400_000n)
    while (calendarOf(limit, window.end).name <= start) window = calendarOf(limit, window.end)
    return window.end
  }
  if (typeof limit.window !== 'number') return calendarWindow(start, limit.window, limit.timeZone ?? 'UTC', anchorOf(limit)).end
  return start + BigInt(limit.window)
}
