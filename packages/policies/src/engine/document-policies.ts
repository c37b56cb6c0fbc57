import type { Observers } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/adapter-kit'
import type { PolicyDocument } from '../document.ts'
import type { FeedObservers } from '../feed/observers.ts'
import type { FeedOptions } from '../feed/options.ts'
import { Backing } from './backing.ts'
import { NamespacePolicies } from './namespace.ts'

/** The options of `documentPolicies`, with the meaning that they have for `policyFeed`. */
export interface DocumentOptions extends Pick<FeedOptions, 'store' | 'clients' | 'ipv6Prefix' | 'clock'> {
  /** Functions that are called with decisions, warnings and changes of the store's health. */
  readonly on?: Observers | undefined
}

/**
 * The policies of one document, without a feed: for a test, or where the application brings each new document itself, by `use`.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { rateLimit } from '@sluice/express'
 * import { documentPolicies, parseDocument } from '@sluice/policies'
 * import express from 'express'
 *
 * const policies = documentPolicies(parseDocument(readFileSync('sluice.yaml', 'utf8')))
 * express().use(rateLimit({ policies }))
 * ```
 */
export function documentPolicies(document: PolicyDocument, options: DocumentOptions = {}): NamespacePolicies {
  knownOptions('documentPolicies', options, ['store', 'clients', 'ipv6Prefix', 'clock', 'on'])
  if (typeof document?.namespace !== 'string') throw invalid('documentPolicies', 'what parseDocument() returns', document)
  const { ipv6Prefix, clock, on } = options
  const backing = new Backing(options, warningOf(on))
  return new NamespacePolicies(document, { namespace: document.namespace, backing, ipv6Prefix, clock, on, onClose: () => backing.close() })
}

/** An observer of a limiter also gets the type of the event. */
function warningOf(on: Observers | undefined): Pick<FeedObservers, 'warning'> | undefined {
  const warning = on?.warning
  return warning && { warning: (event) => warning({ type: 'warning', ...event } as never) }
}
