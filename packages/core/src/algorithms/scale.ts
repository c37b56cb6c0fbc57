import type { Limit } from '../limit.ts'
import { scaledDelay } from './growing-delay.ts'

/** `quantity × share` in whole units, at least 1. Of 0 it is 0: a limit that refuses everything still does. */
export function scaledQuantity(quantity: number, share: number): number {
  return quantity === 0 ? 0 : Math.max(1, Math.floor(quantity * share))
}

/** The limit with this share of its quantity. */
export function scaledLimit(limit: Limit, share: number): Limit {
  const { limit: quantity, delay } = limit
  const scaled = { ...limit, limit: scaledQuantity(quantity, share) }
  return Object.freeze(delay === undefined ? scaled : { ...scaled, delay: scaledDelay(delay, share) })
}
