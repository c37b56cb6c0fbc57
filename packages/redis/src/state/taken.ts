import type { Limit } from '@sluice/core'

// Beside a bucket that regions exchange is a second entry: until when it counts (µs), the units that this region took less those it gave
// back, and when the first of them was taken (µs).

/** The name of the second entry. */
export function takenName(stateName: string): string {
  return `${stateName}!b`
}

export function isBucket({ algorithm }: Limit): boolean {
  return algorithm === 'tokenBucket' || algorithm === 'leakyBucket'
}
