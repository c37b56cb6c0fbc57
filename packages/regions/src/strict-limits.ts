import type { Clock, Limit } from '@sluice/core'
import { algorithmOf, calendarSpan, rateOf } from '@sluice/core/algorithms'
import { completeClock } from '@sluice/core/store-kit'
import type { Regions } from './regions.ts'
import { rightsIn, type ShareReading } from './shares.ts'

/** ms by which the clock of a process may differ from that of its server. Near the edge of a window the lesser rights hold. */
const EDGE = 5_000
/** The part of `keep` that it is at most, since a process knows the tables of the next `keep`. */
const MOST_EDGE = 1 / 4

interface StrictLimitParts {
  readonly regions: Regions
  readonly clock: Clock
  /** What this process has read of the share tables; `undefined` before the first reading. */
  shares(): ShareReading | undefined
}

/** Whether the rights of a limit move between regions. Of other limits each region has a fixed share. */
export function hasRights({ algorithm, anchor, movable }: Limit): boolean {
  return (algorithm === 'fixedWindow' || algorithm === 'slidingWindow') && anchor !== 'first' && movable !== true
}

/** The limits of mode `strict` as this region decides them. */
export class StrictLimits {
  private readonly parts: StrictLimitParts
  private readonly clock: Required<Clock>
  private readonly edge: number
  /** By limit, the last limit with rights, or the last share. Equal numbers have one object, which the store knows again. */
  private readonly last = new WeakMap<Limit, Limit>()
  /** The same while no table was promised. */
  private readonly equal = new WeakMap<Limit, { readonly slack: number; readonly limit: Limit }>()

  constructor(parts: StrictLimitParts) {
    this.parts = parts
    this.clock = completeClock(parts.clock)
    this.edge = Math.min(EDGE, parts.regions.keep * MOST_EDGE)
  }

  /** The limit with the rights of this region, or with its fixed share. @param slack of the policy */
  limitOf(limit: Limit, slack: number): Limit {
    const isEqual = this.isEqual()
    const known = isEqual ? this.equal.get(limit) : undefined
    if (known?.slack === slack) return known.limit
    const own = hasRights(limit) ? this.withRights(limit, slack) : this.share(limit, slack)
    if (isEqual) this.equal.set(limit, { slack, limit: own })
    return own
  }

  /** Units that this region may use in the window that starts then (ms). 0 while it has not read the tables that hold then. */
  rights(units: number, window: { readonly kind: 'fixed' | 'sliding'; readonly length: number }, slack: number, start: number): number {
    const reading = this.parts.shares()
    if (reading === undefined) return 0
    const whole = Math.floor(units * (1 + slack))
    return Math.min(units, rightsIn({ units: whole, ...window }, reading, this.parts.regions, start) ?? 0)
  }

  /** Whether all regions have the same share, now and about now. */
  private isEqual(): boolean {
    const reading = this.parts.shares()
    const { keep } = this.parts.regions
    return reading?.book.promised.length === 0 && this.clock.now() + this.edge < reading.readAt + keep
  }

  private withRights(limit: Limit, slack: number): Limit {
    const kind = limit.algorithm === 'fixedWindow' ? 'fixed' : 'sliding'
    const rights = this.around((at) => {
      const { start, end } = spanOf(limit, at)
      return this.rights(limit.limit, { kind, length: end - start }, slack, start)
    })
    const known = this.last.get(limit)
    if (known?.rights === rights) return known
    return this.keep(limit, { ...limit, rights })
  }

  /** What one region has of a limit whose units cannot move: whole units, so that all regions together have no more than the limit. */
  private share(limit: Limit, slack: number): Limit {
    const length = memoryOf(limit)
    // What was taken before still counts, as in a sliding window.
    const part = (units: number): number => this.around((at) => this.rights(units, { kind: 'sliding', length }, slack, at))
    const units = part(limit.limit)
    // A queue lets through by its rate. Its burst is only how long it may become.
    const isMeter = limit.algorithm === 'tokenBucket' || (limit.algorithm === 'leakyBucket' && limit.queue !== true)
    const burst = isMeter ? part(rateOf(limit).burst) : undefined
    const quantity = burst === 0 ? 0 : units
    const known = this.last.get(limit)
    if (known !== undefined && known.limit === quantity && (burst === undefined || known.burst === burst)) return known
    const scaled = quantity === 0 ? limit : algorithmOf(limit).scale(limit, quantity / limit.limit)
    return this.keep(limit, { ...scaled, limit: quantity, ...(burst === undefined ? {} : { burst }) })
  }

  /** The least of what holds about now. */
  private around(unitsAt: (at: number) => number): number {
    const now = Math.floor(this.clock.now())
    return Math.min(unitsAt(now - this.edge), unitsAt(now), unitsAt(now + this.edge))
  }

  private keep(limit: Limit, changed: Limit): Limit {
    const frozen = Object.freeze(changed)
    this.last.set(limit, frozen)
    return frozen
  }
}

function spanOf(limit: Limit, at: number): { readonly start: number; readonly end: number } {
  const { window } = limit
  if (typeof window !== 'number') return calendarSpan(limit, at)
  const start = at - (at % window)
  return { start, end: start + window }
}

/** ms for which what was taken counts at most. */
function memoryOf(limit: Limit): number {
  const { algorithm, window } = limit
  if (typeof window !== 'number') {
    const { start, end } = calendarSpan(limit, 0)
    return 2 * (end - start)
  }
  if (algorithm !== 'tokenBucket' && algorithm !== 'leakyBucket') return window
  const { maxDeficit, N } = rateOf(limit)
  return Math.ceil(maxDeficit / N / 1000)
}
