import { hashOf, type Place } from '../places.ts'

const ROWS = 3
const WIDTH = 4_096
/** ms */
const SPAN = 1_000

/**
 * About how often each of any number of subjects came in this second, in 24 kB: a count-min sketch (Cormode, Muthukrishnan).
 * Never too few; too many where subjects share a cell in every row. Begins anew when its second is over, without a timer.
 */
export class HotSketch {
  private readonly cells = new Uint16Array(ROWS * WIDTH)
  private since = -Infinity

  /** Counts one, and says how many there were. `now` is ms of a monotonic clock. */
  add(place: Place, now: number): number {
    if (!(now - this.since < SPAN)) {
      this.cells.fill(0)
      this.since = now
    }
    const { cells } = this
    const hash = hashOf(place)
    // One hash, read three times: a second one for each row would cost more than it tells.
    const other = Math.imul(hash, 0x9e3779b1) >>> 0
    const a = hash % WIDTH
    const b = WIDTH + (((hash >>> 16) ^ (other >>> 20)) % WIDTH)
    const c = 2 * WIDTH + ((other >>> 8) % WIDTH)
    const count = Math.min(cells[a] as number, cells[b] as number, cells[c] as number) + 1
    // Only what is below the new count grows: the others count somebody else as well.
    const kept = Math.min(count, 0xffff)
    if ((cells[a] as number) < kept) cells[a] = kept
    if ((cells[b] as number) < kept) cells[b] = kept
    if ((cells[c] as number) < kept) cells[c] = kept
    return count
  }
}
