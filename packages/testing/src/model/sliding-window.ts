import type { Limit } from '@sluice/core'
import { epochWindow } from './calendar.ts'
import { ceil, type ModelAlgorithm, floor, min, MAX_COUNT, max } from './algorithm.ts'
import { AHEAD } from './fixed-window.ts'
import { growingDelay, isWithinLimit, metered, refundable, usable } from './metered.ts'

interface Counts {
  readonly start: bigint
  readonly count: bigint
  readonly previous: bigint
}

interface Receipt {
  readonly start: bigint
  readonly units: bigint
}

export const slidingWindow: ModelAlgorithm<Counts> = metered<Counts>({
  variantOf: ({ window }) => `${window}`,
  quota: ({ limit }) => BigInt(limit),

  read: (state, limit, now) => rolled(state, windowOf(limit), floor(now, 1000n)),
  remaining: (state, limit, now) => min(BigInt(limit.limit), max(0n, usable(limit) - estimate(state, limit, now))),
  used: (state, limit, now) => max(0n, estimate(state, limit, now)),
  fits: (state, limit, units, time) => estimate(state, limit, time) + units <= usable(limit) && isWithinLimit(limit, units),
  resetAfter({ start, count, previous }, limit, now) {
    const last = count > 0n ? 2n : count < 0n || previous > 0n ? 1n : undefined
    return last === undefined ? 0n : start + last * windowOf(limit) - floor(now, 1000n)
  },

  take: (state, _limit, units) => ({
    state: { ...state, count: state.count + units },
    units,
    receipt: { start: state.start, units } satisfies Receipt,
  }),
  force(state, limit, cost) {
    const count = min(MAX_COUNT / windowOf(limit), state.count + cost)
    const units = count - state.count
    return units <= 0n ? undefined : { state: { ...state, count }, units, receipt: { start: state.start, units } satisfies Receipt }
  },
  refund(state, request, requested) {
    const receipt = request.receipt as Receipt
    const wanted = min(requested, receipt.units)
    if (receipt.start === state.start) {
      const units = min(wanted, refundable(request.limit, state.count, MAX_COUNT / windowOf(request.limit)))
      return units === 0n ? undefined : { state: { ...state, count: state.count - units }, units }
    }
    if (receipt.start === state.start - windowOf(request.limit)) {
      const units = min(wanted, state.previous)
      return units === 0n ? undefined : { state: { ...state, previous: state.previous - units }, units }
    }
    return undefined
  },
  untilEnd: ({ start }, limit, now) => start + windowOf(limit) - floor(now, 1000n),
  credit({ start, count, previous }, limit, requested) {
    if (limit.rights !== undefined) return { state: { start, count, previous }, units: 0n }
    const ofCount = min(requested, max(0n, count))
    const ofPrevious = min(requested - ofCount, previous)
    return { state: { start, count: count - ofCount, previous: previous - ofPrevious }, units: ofCount + ofPrevious }
  },
  refundsWithoutReceipt: () => false,
  delay: (state, limit, now, units) => growingDelay(limit, estimate(state, limit, now) + units),
})

function windowOf(limit: Limit): bigint {
  return BigInt(limit.window)
}

/** The counts, moved to the window that is current at `ms`. */
function rolled(state: Counts | undefined, window: bigint, ms: bigint): Counts {
  const { start } = epochWindow(ms, window)
  if (state === undefined) return { start, count: 0n, previous: 0n }
  if (state.start > ms) return state.start - ms <= AHEAD ? state : { ...state, start }
  if (state.start === start) return state
  return state.start === start - window ? { start, count: 0n, previous: max(0n, state.count) } : { start, count: 0n, previous: 0n }
}

/** The current count, plus the share of the previous window that still overlaps, rounded up. Assumes evenly spread requests. */
function estimate(state: Counts, limit: Limit, time: bigint): bigint {
  const window = windowOf(limit)
  const ms = floor(time, 1000n)
  const { start, count, previous } = rolled(state, window, ms)
  const elapsed = max(0n, ms - start)
  return count + ceil(previous * (window - elapsed), window)
}
