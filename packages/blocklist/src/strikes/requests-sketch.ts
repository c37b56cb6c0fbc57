// How many requests of each subject were admitted, in memory that does not grow: a Count-Min sketch (Cormode, Muthukrishnan 2005).
// It may count too many, which keeps a subject from being blocked, and never too few.

const ROWS = 4
const COLUMNS = 1 << 13

/** Counts of the last window, by two slots of which the older one fades. */
export class RequestsSketch {
  private readonly window: number
  private now = new Uint32Array(ROWS * COLUMNS)
  private before = new Uint32Array(ROWS * COLUMNS)
  private begin = 0

  constructor(window: number) {
    this.window = window
  }

  /** Counts one request of what has this hash, at a time in ms. */
  add(hash: number, at: number): void {
    if (at - this.begin >= this.window) this.turn(at)
    for (let row = 0, mix = hash; row < ROWS; row++, mix = next(mix)) this.now[row * COLUMNS + (mix & (COLUMNS - 1))]! += 1
  }

  /** At most how many there were within the last window. */
  estimate(hash: number, at: number): number {
    if (at - this.begin >= this.window) this.turn(at)
    const part = 1 - (at - this.begin) / this.window
    let least = Infinity
    for (let row = 0, mix = hash; row < ROWS; row++, mix = next(mix)) {
      const cell = row * COLUMNS + (mix & (COLUMNS - 1))
      least = Math.min(least, this.now[cell]! + Math.ceil(this.before[cell]! * part))
    }
    return least
  }

  private turn(at: number): void {
    const isNext = at - this.begin < 2 * this.window
    const { before } = this
    this.before = isNext ? this.now : this.before.fill(0)
    this.now = isNext ? before.fill(0) : this.now.fill(0)
    this.begin = isNext ? this.begin + this.window : at
  }
}

function next(hash: number): number {
  const mix = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (Math.imul(mix ^ (mix >>> 12), 0x297a2d39) ^ (mix >>> 15)) + 0x9e3779b9
}
