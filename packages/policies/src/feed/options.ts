import type { Clock, Store } from '@sluice/core'
import type { PolicySource } from '@sluice/core/store-kit'
import type { CeilingsDocument } from '../ceilings.ts'
import type { ClientDirectory } from '../clients/client-directory.ts'
import type { ClientTable } from '../clients/client-table.ts'
import type { PolicyDocument } from '../document.ts'
import type { FeedObservers } from './observers.ts'

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
  /**
   * What holds for a namespace of `namespaces` that no source, cache or fallback has when the feed starts, until a document comes: `'open'`
   * limits nothing, `'closed'` answers every request with 503. Default: the start rejects with ERR_POLICY_UNAVAILABLE.
   */
  readonly onMissing?: 'open' | 'closed' | undefined
  /**
   * The largest numbers and sizes that documents of each namespace may have: a document of `parseCeilings()`, or a source of its own, to which
   * only the operator can write. A document that exceeds them is refused whole. Until the ceilings of a source are known, no document of
   * `source` comes into force. Default: none.
   */
  readonly ceilings?: CeilingsDocument | PolicySource | undefined
  /** Where requests are counted, such as `redisStore(client)`. Default: the memory of this process. */
  readonly store?: Store | undefined
  /**
   * The table that `tier.table` of a document names: it knows the tier and the numbers of clients. Give `clientDirectory({ table, … })` for
   * other times than its defaults. Default: none.
   */
  readonly clients?: ClientTable | ClientDirectory | undefined
  /** How many leading bits of an IPv6 address are one client: 32 to 64. All processes must have the same. Default: 56. */
  readonly ipv6Prefix?: number | undefined
  /** How long the start waits for the source before it goes on with the cache or the fallback: ms, from 0. Default: 2,000. */
  readonly startTimeout?: number | undefined
  /** Functions that are called with what happens. */
  readonly on?: FeedObservers | undefined
  /** Where time comes from, for tests. Default: the clock of the system. */
  readonly clock?: Clock | undefined
}

/** Where a document in force came from. `missing`: it is what `onMissing` says. */
export type Origin = 'source' | 'cache' | 'fallback' | 'missing'

/**
 * What the source has instead of a document in force. `same`: that document. `refused`: another one, which is not valid, exceeds the ceilings, or
 * has the same revision. `older`: a lower revision. `gone`: nothing. `unknown`: it was not heard yet.
 */
export type InSource = 'same' | 'refused' | 'older' | 'gone' | 'unknown'

/** How current a namespace is. */
export interface NamespaceHealth {
  readonly namespace: string
  readonly revision: number
  /** Where the document in force came from. */
  readonly from: Origin
  /** What the source has instead of it. Anything but `same` asks for somebody to look. */
  readonly inSource: InSource
  /** ms since the epoch: when the source was last known to have this document, and none that is newer. `undefined`: never. */
  readonly confirmedAt: number | undefined
}

/** How a feed is. */
export interface FeedHealth {
  /** Whether the source answers. */
  readonly source: 'connecting' | 'connected' | 'away'
  /** Why the source does not answer, or why its last document was refused. */
  readonly problem: string | undefined
  /** The revision of the ceilings that hold; `undefined` if there are none. */
  readonly ceilings: number | undefined
  readonly namespaces: readonly NamespaceHealth[]
  /** How many documents came from the source since the start, by what became of them. */
  readonly loads: Readonly<Record<LoadResult, number>>
}

/**
 * What became of a document of the source: in force from then on, in force already, of a lower revision, with the revision in force and other
 * content, not valid, or beyond its ceilings.
 */
export type LoadResult = 'accepted' | 'confirmed' | 'stale' | 'fork' | 'invalid' | 'held'
