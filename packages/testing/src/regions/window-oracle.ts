import type { Limit } from '@sluice/core'
import type { Numbers } from './types.ts'

/** What one region admitted of a window limit, by start of the window (ms), and the latest reset that it knows (µs). */
interface Truth {
  readonly units: Map<number, number>
  reset: number
}

/** The truth of another region when it sent its last record that was applied here. */
interface Snapshot {
  readonly order: number
  readonly units: ReadonlyMap<number, number>
  readonly reset: number
}

/** What a region has heard of another: by start of the window, its units and the reset that they are counted from. */
interface Heard {
  order: number
  readonly windows: Map<number, { readonly units: number; readonly reset: number }>
}

/**
 * Counts what each region admitted of one window limit and subject, and what each has heard of the others, from the history alone: it knows
 * nothing of sums, ledgers and versions. So it says what each region must count.
 */
export class WindowOracle {
  readonly limit: Limit
  private readonly own: Truth[]
  private readonly known: Map<number, Heard>[]
  private readonly length: number
  private readonly generations: number[]

  constructor(limit: Limit, regions: number) {
    this.limit = limit
    this.length = limit.window as number
    this.generations = Array.from({ length: regions }, () => 0)
    this.own = Array.from({ length: regions }, () => ({ units: new Map(), reset: 0 }))
    this.known = Array.from({ length: regions }, () => new Map())
  }

  /** A region took units in the window that starts then, or gave them back (below 0). */
  took(region: number, start: number, units: number): void {
    const truth = this.own[region] as Truth
    truth.units.set(start, (truth.units.get(start) ?? 0) + units)
  }

  /** Changes when what was admitted before is forgotten, so that a give-back of it would be of units that others admitted. */
  generation(region: number): number {
    return this.generations[region] as number
  }

  lost(region: number): void {
    this.generations[region] = (this.generations[region] as number) + 1
    this.own[region] = { units: new Map(), reset: 0 }
    this.known[region] = new Map()
  }

  reset(region: number, at: number): void {
    const truth = this.own[region] as Truth
    if (at <= truth.reset) return
    for (const start of truth.units.keys()) if (at >= start * 1000) truth.units.delete(start)
    truth.reset = at
    this.generations[region] = (this.generations[region] as number) + 1
  }

  /** A region resets by itself: later than all resets that it knows, also of a region whose clock is ahead. `now`: µs. */
  resetNow(region: number, now: number): void {
    this.reset(region, Math.max(now, (this.own[region]?.reset ?? 0) + 1))
  }

  snapshot(region: number, order: number): Snapshot {
    const { units, reset } = this.own[region] as Truth
    return { order, units: new Map(units), reset }
  }

  /** A region applied a record that was sent with this snapshot. `now`: ms by its clock. */
  heard(region: number, from: number, snapshot: Snapshot, now: number): void {
    const heard = this.known[region] as Map<number, Heard>
    const known = heard.get(from) ?? { order: 0, windows: new Map() }
    heard.set(from, known)
    if (known.order >= snapshot.order) return
    known.order = snapshot.order
    if (snapshot.reset >= this.oldestStart(now) * 1000) this.reset(region, snapshot.reset)
    const { reset } = this.own[region] as Truth
    for (const start of new Set([...known.windows.keys(), ...snapshot.units.keys()])) {
      const reported = resetIn(start, snapshot.reset)
      // A region that does not know of a reset says nothing of what came after it.
      if (reported >= resetIn(start, reset)) known.windows.set(start, { units: snapshot.units.get(start) ?? 0, reset: reported })
    }
  }

  /** Units that a region must count in the window that starts then. */
  expected(region: number, start: number): number {
    const { units, reset } = this.own[region] as Truth
    let sum = units.get(start) ?? 0
    for (const { windows } of (this.known[region] as Map<number, Heard>).values()) {
      const known = windows.get(start)
      if (known !== undefined && known.reset >= resetIn(start, reset)) sum += known.units
    }
    return sum
  }

  /** Units that all regions have admitted in the window that starts then. */
  admitted(start: number): number {
    return this.own.reduce((sum, { units }) => sum + (units.get(start) ?? 0), 0)
  }

  /** Units that one region has admitted in the window that starts then. */
  admittedBy(region: number, start: number): number {
    return this.own[region]?.units.get(start) ?? 0
  }

  /** What is wrong with the state of a region; `undefined` if it counts what it must. `now`: ms by its clock. */
  problem(region: number, numbers: Numbers | undefined, now: number): string | undefined {
    const { length } = this
    const isSliding = this.limit.algorithm === 'slidingWindow'
    const current = now - (now % length)
    const stored = numbers === undefined ? current : numbers[0] / 1000 - (isSliding ? 2 : 1) * length
    const [, count, before] = numbers ?? [0, 0, 0]
    // What a window has counted that is over does not matter, and records of it come too late.
    if (stored >= current) {
      const expected = this.expected(region, stored)
      if (count !== expected) return `counts ${count} in the window, ${expected} were admitted here or heard of`
    }
    const previous = Math.max(current, stored) - length
    if (!isSliding || stored < previous) return undefined
    const expected = Math.max(0, this.expected(region, previous))
    const counted = stored === previous ? Math.max(0, count) : before
    return counted === expected ? undefined : `counts ${counted} in the window before, ${expected} were admitted here or heard of`
  }

  /** How many units more than the limit a region would use with this admission, by what it admitted or heard of; 0 or less if none. */
  excess(region: number, start: number, now: number): number {
    const current = this.expected(region, start)
    if (this.limit.algorithm === 'fixedWindow') return current - this.limit.limit
    const left = Math.max(0, Math.min(this.length, start + this.length - now))
    return current + Math.ceil((Math.max(0, this.expected(region, start - this.length)) * left) / this.length) - this.limit.limit
  }

  /** Pairs of regions of which one has not heard all of the window that starts then. */
  unheard(start: number): readonly string[] {
    const missing: string[] = []
    const all = this.admitted(start)
    this.own.forEach((_, region) => {
      const expected = this.expected(region, start)
      if (expected !== all) missing.push(`region ${region} counts ${expected} of ${all}`)
    })
    return missing
  }

  private oldestStart(now: number): number {
    const start = now - (now % this.length)
    return this.limit.algorithm === 'slidingWindow' ? start - this.length : start
  }
}

function resetIn(start: number, reset: number): number {
  return reset >= start * 1000 ? reset : 0
}
