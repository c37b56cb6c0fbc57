import { hash32 } from '@sluice/core/store-kit'

/** Sums of a counter are rounded to 24 bits, so all may be a little less than 1. */
const ENOUGH = 0.9999
/** A power of 2. */
const COUNTERS = 1 << 17

/**
 * Which subjects have used so much since the last exchange that it should come soon. Subjects share counters, so a subject may be found
 * too early, never too late. To count each by itself would cost as much as a fifth of the decision.
 */
export class Urgency {
  /** Made when it is needed: half a MB. */
  private counters: Float32Array | undefined

  /**
   * @param part how much of what is urgent the decision used: 1 is all of it
   * @returns whether the exchange should come soon
   */
  add(limitId: number, subject: string, part: number): boolean {
    if (part >= 1) return true
    // Units that are given back are not urgent, and must not hide those of another subject.
    if (!(part > 0)) return false
    const counters = (this.counters ??= new Float32Array(COUNTERS))
    const counter = hash32(subject, limitId) & (COUNTERS - 1)
    return (counters[counter] = (counters[counter] as number) + part) >= ENOUGH
  }

  /** An exchange begins. */
  clear(): void {
    this.counters?.fill(0)
  }
}
