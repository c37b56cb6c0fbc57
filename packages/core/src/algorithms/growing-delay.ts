import type { GrowingDelay } from '../limit.ts'

/** ms that a charge must wait after which `used` units are counted: a step for each unit above `after`. */
export function growingDelay(delay: GrowingDelay | undefined, used: number): number {
  return delay === undefined || used <= delay.after ? 0 : Math.min(delay.max, (used - delay.after) * delay.step)
}

/** The delay of a process that sees this share of the units. So it begins earlier, and grows faster with each. */
export function scaledDelay({ after, step, max }: GrowingDelay, share: number): GrowingDelay {
  return Object.freeze({ after: Math.floor(after * share), step: Math.min(max, Math.round(step / share)), max })
}
