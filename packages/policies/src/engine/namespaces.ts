import { SluiceError, type Store } from '@sluice/core'
import type { Ceiling } from '../checks/ceilings.ts'
import type { ClientDirectory } from '../clients/client-directory.ts'
import type { PolicyDocument } from '../document.ts'
import type { FeedOptions } from '../feed/options.ts'
import { directoryOf, storeOf } from './document-policies.ts'
import { NamespacePolicies } from './namespace.ts'

/** The limiters of a feed: one for each namespace, over one store. */
export class Namespaces {
  private readonly known = new Map<string, NamespacePolicies>()
  private readonly options: FeedOptions
  private readonly store: Store
  private readonly clients: ClientDirectory | undefined

  constructor(options: FeedOptions) {
    const { store, clients, on, clock } = options
    this.options = options
    this.store = storeOf(store, clock)
    this.clients = directoryOf(clients, on)
  }

  use(document: PolicyDocument, ceiling: Ceiling | undefined): void {
    const { namespace } = document
    const { store, clients } = this
    const { ipv6Prefix, on = {}, clock } = this.options
    const known = this.known.get(namespace)
    if (known !== undefined) return known.use(document, ceiling)
    const { change: _, ...observers } = on
    const made = new NamespacePolicies(document, { namespace, store, clients, ipv6Prefix, on: observers, clock, ceiling })
    this.known.set(namespace, made)
  }

  /** @throws ERR_POLICY_NAMESPACE if there is none of this name; without a name, if there is not exactly one */
  of(namespace: string | undefined): NamespacePolicies {
    const names = [...this.known.keys()]
    const found =
      namespace === undefined ? (names.length === 1 ? this.known.get(names[0] as string) : undefined) : this.known.get(namespace)
    if (found !== undefined) return found
    const expected = namespace === undefined ? 'a feed of one namespace' : `one of the namespaces of the feed`
    const got = namespace === undefined ? `${names.length} (${names.join(', ')})` : `"${namespace}" (there are: ${names.join(', ')})`
    const remedy =
      namespace === undefined ? "name one: policies: feed.of('…')" : 'give namespaces to policyFeed(), so that its start waits for them'
    throw new SluiceError('ERR_POLICY_NAMESPACE', `policies: expected ${expected}, got ${got}; ${remedy}`)
  }

  async close(): Promise<void> {
    await this.clients?.close()
    for (const each of this.known.values()) await each.engine.close()
    if (this.options.store === undefined) await this.store.close?.()
  }
}

/** What holds while there is no document. */
export function documentOfNone(namespace: string, onMissing: 'open' | 'closed'): PolicyDocument {
  const none = { apiVersion: 'sluice/v1', namespace, revision: 0 } as const
  if (onMissing === 'open') return { ...none, policies: [] }
  const nothing = { name: 'all', algorithm: 'fixedWindow', limit: 0, window: '1m', subject: 'all', visible: false } as const
  return {
    ...none,
    subjects: { all: { parts: [{ ip: true }] } },
    policies: [{ name: 'missing', status: 503, rules: [{ name: 'all', limits: [nothing] }] }],
  }
}
