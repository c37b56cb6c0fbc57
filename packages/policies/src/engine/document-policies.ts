import { memoryStore, type Observers, type Store } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/adapter-kit'
import { ClientDirectory } from '../clients/client-directory.ts'
import type { ClientTable } from '../clients/client-table.ts'
import { clientDirectory } from '../clients/create-directory.ts'
import type { PolicyDocument } from '../document.ts'
import type { FeedObservers } from '../feed/observers.ts'
import type { FeedOptions } from '../feed/options.ts'
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
  const { store, clients, ipv6Prefix, clock, on } = options
  return new NamespacePolicies(document, {
    namespace: document.namespace,
    store: storeOf(store, clock),
    clients: directoryOf(clients, warningOf(on)),
    ipv6Prefix,
    clock,
    on,
  })
}

export function storeOf(store: Store | undefined, clock: FeedOptions['clock']): Store {
  return store ?? memoryStore({ clock })
}

export function directoryOf(
  clients: ClientTable | ClientDirectory | undefined,
  on: Pick<FeedObservers, 'warning'> | undefined,
): ClientDirectory | undefined {
  return clients === undefined || clients instanceof ClientDirectory ? clients : clientDirectory({ table: clients, on })
}

/** An observer of a limiter also gets the type of the event. */
function warningOf(on: Observers | undefined): Pick<FeedObservers, 'warning'> | undefined {
  const warning = on?.warning
  return warning && { warning: (event) => warning({ type: 'warning', ...event } as never) }
}
