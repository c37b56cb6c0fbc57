/** Failed batches in a row that open a breaker. */
const MAX_IN_A_ROW = 3
/** Of the last 200 batches, 10 failed ones (5 %) open it too. */
const WINDOW = 200
const MAX_IN_WINDOW = 10

/** Counts the failures of the last batches, in fixed memory. */
export class FailureCount {
  private inARow = 0
  private inWindow = 0
  private readonly window: Uint8Array = new Uint8Array(WINDOW)
  private next = 0

  /** True when a breaker must open. */
  get isTooHigh(): boolean {
    return this.inARow >= MAX_IN_A_ROW || this.inWindow >= MAX_IN_WINDOW
  }

  fail(): void {
    this.inARow += 1
    this.count(1)
  }

  succeed(): void {
    this.inARow = 0
    this.count(0)
  }

  reset(): void {
    this.inARow = 0
    this.inWindow = 0
    this.window.fill(0)
  }

  private count(failed: 0 | 1): void {
    this.inWindow += failed - (this.window[this.next] as number)
    this.window[this.next] = failed
    this.next = (this.next + 1) % WINDOW
  }
}
