// How many subjects were active, in memory that does not grow: linear counting (Whang and others 1990). Right within 2 % up to 200,000.

const BITS = 1 << 16
const MINUTE = 60_000

/** Counts distinct subjects by minute. */
export class ActiveSubjects {
  private bits = new Uint32Array(BITS >> 5)
  private empty = BITS
  private last = 0
  private begin = 0

  note(hash: number, at: number): void {
    if (at - this.begin >= MINUTE) this.turn(at)
    const cell = (hash & (BITS - 1)) >>> 5
    const bit = 1 << (hash & 31)
    if ((this.bits[cell]! & bit) !== 0) return
    this.bits[cell]! |= bit
    this.empty -= 1
  }

  /** Of this minute or of the one before, whichever had more. */
  count(at: number): number {
    if (at - this.begin >= MINUTE) this.turn(at)
    return Math.max(this.last, this.current())
  }

  private current(): number {
    return Math.round(-BITS * Math.log(Math.max(1, this.empty) / BITS))
  }

  private turn(at: number): void {
    this.last = at - this.begin < 2 * MINUTE ? this.current() : 0
    this.begin = at
    this.bits.fill(0)
    this.empty = BITS
  }
}
