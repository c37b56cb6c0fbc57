import type { Charge, Outcome, Source } from '../../store.ts'

// Outcomes that need no state. `at`: µs since the epoch.

/** `Retry-After` in ms while the store is away. Longer than the store needs to recover, so that refused clients do not return together. */
export const RETRY_AFTER = 5_000

/** The outcomes of a policy with `failMode: 'open'`, which admits every charge, or `'closed'`, which refuses every charge. */
export function outcomesOf(failMode: 'open' | 'closed', charges: readonly Charge[], at: number): readonly Outcome[] {
  if (failMode === 'closed') return charges.map(() => ({ ...passing('closed', at), allowed: false, retryAfter: RETRY_AFTER }))
  return charges.map(({ cost }) => ({ ...passing('open', at), granted: Math.max(0, cost) }))
}

/** The outcome of a give-back or a renewal that only the store could do. It is never repeated, so it counts as done. */
export function presumedDone({ cost, receipt }: Charge, at: number): Outcome {
  return cost > 0 ? { ...passing('local', at), receipt, granted: cost } : passing('local', at)
}

function passing(source: Source, at: number): Outcome {
  const waits = { retryAfter: 0, nextAfter: 0, resetAfter: 0, delay: 0 }
  return { allowed: true, remaining: 0, used: 0, ...waits, source, at, receipt: undefined, leaseFor: 0, granted: 0 }
}
