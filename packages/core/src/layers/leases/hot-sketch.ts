import { stateHash, type StateId } from '../state-map.ts'

const ROWS = 3
const WIDTH = 4_096
/** ms */
const SPAN = 1_000

/**
 * How often each of any number of subjects was requested in this second, in 24 kB: a count-min sketch (Cormode, Muthukrishnan). A
 * count is never too low; it is too high for a subject that shares a cell with another one in every row.
 */
export class HotSketch {
  private readonly cells = new Uint16Array(ROWS * WIDTH)
  private since = -Infinity

  /** Counts one request, and returns the subject's count. `now`: ms of a monotonic clock. */
  add(id: StateId, now: number): number {
    if (!(now - this.since < SPAN)) {
      this.cells.fill(0)
      this.since = now
    }
    const { cells } = this
    const hash = stateHash(id)
    // One hash, read three times: a hash for each row would cost more than it gains.
    const other = Math.imul(hash, 0x9e3779b1) >>> 0
    const a = hash % WIDTH
    const b = WIDTH + (((hash >>> 16) ^ (other >>> 20)) % WIDTH)
    const c = 2 * WIDTH + ((other >>> 8) % WIDTH)
    const count = Math.min(cells[a] as number, cells[b] as number, cells[c] as number) + 1
    // Cells above the new count belong to other subjects as well, so they stay.
    const kept = Math.min(count, 0xffff)
    if ((cells[a] as number) < kept) cells[a] = kept
    if ((cells[b] as number) < kept) cells[b] = kept
    if ((cells[c] as number) < kept) cells[c] = kept
    return count
  }
}
