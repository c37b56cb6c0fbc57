import { SluiceError } from '@sluice/core'
import type { Ceiling } from '../checks/ceilings.ts'
import type { PolicyDocument } from '../document.ts'
import type { FeedOptions } from '../feed/options.ts'
import { Backing } from './backing.ts'
import { NamespacePolicies } from './namespace.ts'

/** The limiters of a feed: one for each namespace, over one store. */
export class Namespaces {
  private readonly known = new Map<string, NamespacePolicies>()
  private readonly options: FeedOptions
  private readonly backing: Backing

  constructor(options: FeedOptions) {
    this.options = options
    this.backing = new Backing(options, options.on)
  }

  use(document: PolicyDocument, ceiling: Ceiling | undefined): void {
    const { namespace } = document
    const { backing } = this
    const { ipv6Prefix, on = {}, clock } = this.options
    const known = this.known.get(namespace)
    if (known !== undefined) return known.use(document, ceiling)
    const { change: _, ...observers } = on
    const made = new NamespacePolicies(document, { namespace, backing, ipv6Prefix, on: observers, clock, ceiling })
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
    for (const each of this.known.values()) await each.close()
    await this.backing.close()
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
