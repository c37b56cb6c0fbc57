import type { Observers } from '@sluice/core'
import type { PolicyDocument } from '../document.ts'

/** What an application may hear of a feed, and of the decisions by its documents. */
export interface FeedObservers extends Pick<Observers, 'decision' | 'tier' | 'breaker' | 'anomaly'> {
  /** A document came into force. `previous` is `undefined` for the first of its namespace. */
  readonly change?: ((change: { readonly document: PolicyDocument; readonly previous: PolicyDocument | undefined }) => void) | undefined
  /**
   * Something is wrong, and what was in force stays: ERR_POLICY_INVALID, WARN_POLICY_STALE, ANOMALY_POLICY_FORK, WARN_POLICY_MISSING,
   * WARN_POLICY_SOURCE, WARN_POLICY_CEILING. Each is reported once until it changes. Default: to the console.
   */
  readonly warning?: ((warning: { readonly code: string; readonly message: string }) => void) | undefined
}
