import type { Clock } from '@sluice/core'
import type { PolicySource } from '@sluice/core/store-kit'
import type { PolicyDocument } from '../document.ts'

/** The options of `policyFeed`. */
export interface FeedOptions {
  /** Where the documents come from. */
  readonly source: PolicySource
  /** Which namespaces are followed. Others of the source are ignored. Default: all that the source has. */
  readonly namespaces?: readonly string[] | undefined
  /**
   * A folder in which the last good documents are kept. A process that starts while the source is away uses them. Default: none are kept.
   */
  readonly cache?: string | undefined
  /** Documents that hold from the start while the source, and the cache, have none of their namespace. Their revision should be low. */
  readonly fallback?: readonly PolicyDocument[] | undefined
  /** How long the start waits for the source before it goes on with the cache or the fallback: ms, from 0. Default: 2,000. */
  readonly startTimeout?: number | undefined
  /** Functions that are called with what happens. */
  readonly on?: FeedObservers | undefined
  /** Where time comes from, for tests. Default: the clock of the system. */
  readonly clock?: Clock | undefined
}

/** What an application may hear of a feed. */
export interface FeedObservers {
  /** A document came into force. `previous` is `undefined` for the first of its namespace. */
  readonly change?: ((change: { readonly document: PolicyDocument; readonly previous: PolicyDocument | undefined }) => void) | undefined
  /**
   * Something is wrong, and what was in force stays: ERR_POLICY_INVALID, WARN_POLICY_STALE, ANOMALY_POLICY_FORK, WARN_POLICY_MISSING,
   * WARN_POLICY_SOURCE. Each is reported once until it changes. Default: to the console.
   */
  readonly warning?: ((warning: { readonly code: string; readonly message: string }) => void) | undefined
}

/** How current a namespace is. */
export interface NamespaceHealth {
  readonly namespace: string
  readonly revision: number
  /** Where the document in force came from. */
  readonly from: 'source' | 'cache' | 'fallback'
  /** ms since the epoch: when this process last heard from the source that nothing newer is there. `undefined`: never. */
  readonly confirmedAt: number | undefined
}

/** How a feed is. */
export interface FeedHealth {
  /** Whether the source answers. */
  readonly source: 'connecting' | 'connected' | 'away'
  /** Why the source does not answer, or why its last document was refused. */
  readonly problem: string | undefined
  readonly namespaces: readonly NamespaceHealth[]
}
