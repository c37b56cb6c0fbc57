/** How many latencies are kept for the percentiles of a second. */
const KEPT = 1_000

/** The latencies of a second: all of them while they are few, then a part in which each has the same chance to be. */
export class Latencies {
  private readonly micros = new Float64Array(KEPT)
  private count = 0

  /** @param micros µs */
  add(micros: number): void {
    const { count } = this
    this.count += 1
    const place = count < KEPT ? count : Math.floor(Math.random() * this.count)
    if (place < KEPT) this.micros[place] = micros
  }

  /** The percentiles in ms, of what was added since the last call. */
  end(): { readonly p50: number | null; readonly p99: number | null } {
    const sorted = this.micros.slice(0, Math.min(this.count, KEPT)).toSorted()
    this.count = 0
    return { p50: at(sorted, 0.5), p99: at(sorted, 0.99) }
  }
}

function at(sorted: Float64Array, part: number): number | null {
  const micros = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]
  return micros === undefined ? null : Math.round(micros) / 1_000
}
