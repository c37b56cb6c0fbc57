import type { StoreHealth } from '../../store.ts'

/** Failed commands in a row that open it. */
const IN_A_ROW = 3
/** How many commands are looked back on, and how many of them failed when it opens: 5 %. */
const WINDOW = 200
const MOST_FAILED = 10
/** ms to the first look, and at most between two: twice as long each time. */
const FIRST_DELAY = 250
const LONGEST_DELAY = 500
/** ms told to who is refused because the store is away: longer than one that is back goes unnoticed, so that they do not come in waves. */
export const RETRY_AFTER = 5_000
/** ms: opened again within this time of closing, it goes on waiting where it left off. */
const SETTLED = 10_000

/** When to stop asking what fails, and when to look again: the arithmetic of it, without time, timers or I/O. Of fixed size. */
export class Breaker {
  state: StoreHealth['breaker'] = 'closed'
  private inARow = 0
  private readonly window: Uint8Array = new Uint8Array(WINDOW)
  private next = 0
  private failures = 0
  private looks = 0
  private closed = -Infinity

  /** A command failed; whether so many have that it must open. */
  failed(): boolean {
    this.inARow += 1
    this.count(1)
    return this.inARow >= IN_A_ROW || this.failures >= MOST_FAILED
  }

  succeeded(): void {
    this.inARow = 0
    this.count(0)
  }

  open(now: number): void {
    if (this.state === 'closed' && now - this.closed > SETTLED) this.looks = 0
    this.state = 'open'
  }

  /** What was counted before is forgotten: it says nothing of a store that is back. */
  close(now: number): void {
    this.state = 'closed'
    this.closed = now
    this.inARow = 0
    this.failures = 0
    this.window.fill(0)
  }

  /** ms to the next look; `random` from 0 to 1 spreads the looks of many processes over half of that time. */
  delay(random: number): number {
    const most = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** Math.min(this.looks, 10))
    this.looks += 1
    return most * (0.5 + random / 2)
  }

  private count(failed: 0 | 1): void {
    this.failures += failed - (this.window[this.next] as number)
    this.window[this.next] = failed
    this.next = (this.next + 1) % WINDOW
  }
}
