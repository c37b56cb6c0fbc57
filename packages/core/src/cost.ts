import type { Cost } from './limiter.ts'

/** The units that a cost has for a limit; `undefined` where it names others only. */
export function costOf(limit: string, cost: Cost<string> | undefined): number | undefined {
  if (typeof cost !== 'object') return cost
  // Reads own properties only: a limit may be named `constructor`.
  return Object.hasOwn(cost, limit) ? cost[limit] : undefined
}
