import type { Limit } from '../limit.ts'

// What is different for a window of which a region may use only its rights. The count of the region also has what it gave away, and lacks what it
// got, so it says nothing of the units that the region used.

/** Whether a charge that fits into the rights is still more than the whole limit. */
export function exceedsLimit({ rights, limit }: Limit, units: number): boolean {
  return rights !== undefined && units > limit
}

/** The most units that a receipt can give back to a count. With rights it may go below 0, down to where it stays exact. */
export function mostByReceipt({ rights }: Limit, count: number, largest: number): number {
  return rights === undefined ? Math.max(0, count) : count + largest
}

/** The most units that can be given back without a receipt: with rights none, since they may be units that were given away. */
export function mostWithoutReceipt({ rights }: Limit, count: number): number {
  return rights === undefined ? Math.max(0, count) : 0
}
