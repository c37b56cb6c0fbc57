import type { Limit } from '@sluice/core'
import { epochWindow } from './calendar.ts'
import { ceil, type Family, floor, least, MOST, most } from './family.ts'
import { AHEAD } from './fixed-window.ts'
import { metered } from './metered.ts'

interface Counts {
  readonly start: bigint
  readonly count: bigint
  readonly previous: bigint
}

interface Place {
  readonly start: bigint
  readonly units: bigint
}

export const slidingWindow: Family<Counts> = metered<Counts>({
  variantOf: ({ window }) => `${window}`,
  quota: ({ limit }) => BigInt(limit),

  read: (state, limit, now) => rolled(state, windowOf(limit), floor(now, 1000n)),
  remaining: (state, limit, now) => most(0n, BigInt(limit.limit) - estimate(state, limit, now)),
  fits: (state, limit, units, time) => estimate(state, limit, time) + units <= BigInt(limit.limit),
  resetAfter({ start, count, previous }, limit, now) {
    const last = count > 0n ? 2n : previous > 0n ? 1n : undefined
    return last === undefined ? 0n : start + last * windowOf(limit) - floor(now, 1000n)
  },

  take: (state, _limit, units) => ({
    state: { ...state, count: state.count + units },
    units,
    receipt: { start: state.start, units } satisfies Place,
  }),
  force(state, limit, cost) {
    const count = least(MOST / windowOf(limit), state.count + cost)
    const units = count - state.count
    return units <= 0n ? undefined : { state: { ...state, count }, units, receipt: { start: state.start, units } satisfies Place }
  },
  giveBack(state, ask, asked) {
    const place = ask.receipt as Place
    const wanted = least(asked, place.units)
    if (place.start === state.start) {
      const units = least(wanted, state.count)
      return units === 0n ? undefined : { state: { ...state, count: state.count - units }, units }
    }
    if (place.start === state.start - windowOf(ask.limit)) {
      const units = least(wanted, state.previous)
      return units === 0n ? undefined : { state: { ...state, previous: state.previous - units }, units }
    }
    return undefined
  },
  givesBackFreely: () => false,
  delay: () => 0n,
})

function windowOf(limit: Limit): bigint {
  return BigInt(limit.window)
}

/** The counts as they stand in the window that is current at `ms`. */
function rolled(state: Counts | undefined, window: bigint, ms: bigint): Counts {
  const { start } = epochWindow(ms, window)
  if (state === undefined) return { start, count: 0n, previous: 0n }
  if (state.start > ms) return state.start - ms <= AHEAD ? state : { ...state, start }
  if (state.start === start) return state
  return state.start === start - window ? { start, count: 0n, previous: state.count } : { start, count: 0n, previous: 0n }
}

/** All of this window, and the part of the last that still lies within W, as if it had come evenly; rounded up. */
function estimate(state: Counts, limit: Limit, time: bigint): bigint {
  const window = windowOf(limit)
  const ms = floor(time, 1000n)
  const { start, count, previous } = rolled(state, window, ms)
  const elapsed = most(0n, ms - start)
  return count + ceil(previous * (window - elapsed), window)
}
