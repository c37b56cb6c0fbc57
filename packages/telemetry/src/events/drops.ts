/** Events that were lost, by the reason. */
export interface Drops {
  /** Refusals beyond the budget, while nothing is sampled. */
  budget: number
  /** The oldest of a full queue, and what waited at the end. */
  queue: number
  /** The sink said that it will never take them. */
  rejected: number
  /** Rows of usage that the sink had not taken after 15 minutes. */
  expired: number
}

export function noDrops(): Drops {
  return { budget: 0, queue: 0, rejected: 0, expired: 0 }
}
