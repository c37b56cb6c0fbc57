import type { Clock } from '@sluice/core'

interface Timer {
  /** µs of the simulation. */
  readonly due: number
  readonly order: number
  readonly run: () => void
  isCancelled: boolean
}

/** The time of a simulation, in µs, with timers. Clocks of regions differ from it by a skew. */
export class SimTime {
  now: number
  private timers: Timer[] = []
  private order = 0

  constructor(start: number) {
    this.now = start
  }

  /** Runs `run` after this many µs. The returned function cancels it. */
  after(micros: number, run: () => void): () => void {
    const timer = { due: Math.round(this.now + Math.max(0, micros)), order: this.order++, run, isCancelled: false }
    this.timers.push(timer)
    return () => {
      timer.isCancelled = true
    }
  }

  /** Runs all timers up to this time, in order, and waits after each until its work is done. */
  async runUntil(end: number): Promise<void> {
    for (;;) {
      const next = this.takeNext(end)
      if (next === undefined) break
      this.now = Math.max(this.now, next.due)
      next.run()
      await settled()
    }
    this.now = end
  }

  /** A clock that differs from this time. `skew`: µs, called for each reading. */
  clock(skew: () => number): Clock & { readonly monotonic: () => number } {
    return {
      now: () => (this.now + skew()) / 1000,
      monotonic: () => this.now / 1000,
      after: (ms, run) => this.after(ms * 1000, run),
    }
  }

  private takeNext(end: number): Timer | undefined {
    this.timers = this.timers.filter(({ isCancelled }) => !isCancelled)
    let next: Timer | undefined
    for (const timer of this.timers) {
      if (timer.due > end) continue
      if (next === undefined || timer.due < next.due || (timer.due === next.due && timer.order < next.order)) next = timer
    }
    if (next !== undefined) next.isCancelled = true
    return next
  }
}

/** Waits until no promise is about to be settled. No promise of the simulation takes more steps than this. */
async function settled(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve()
}

/** Random numbers that a seed repeats: mulberry32. */
export class Random {
  private state: number

  constructor(seed: number) {
    this.state = (seed * 0x9e3779b1) | 0
  }

  /** From 0 to below 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `least` to `most`. */
  int(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  chance(part: number): boolean {
    return this.next() < part
  }

  pick<T>(items: readonly T[]): T {
    return items[this.int(0, items.length - 1)] as T
  }
}
