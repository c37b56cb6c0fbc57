import { type BlockList, blockList as makeBlockList } from '@sluice/blocklist'
import { type Clock, type Cost, memoryStore, SluiceError, type Store, systemClock } from '@sluice/core'
import { type Host, quoted } from '@sluice/core/adapter-kit'
import { type PolicyFeed, policyFeed } from '@sluice/policies'
import type { RedisAnalytics } from '@sluice/redis'
import type { DecisionEvents } from '@sluice/telemetry'
import { type Metrics, prometheusMetrics } from '@sluice/telemetry/prometheus'
import { type DeciderOptions, Deciders, type DescribedRequest, type Recorder } from './deciders.ts'
import { DEFAULT_DOCUMENT, describe, EVERYTHING } from './default-document.ts'
import { ServerMetrics } from './metrics/server-metrics.ts'
import type { Settings } from './options.ts'
import { MemoryDocument } from './publish/memory-document.ts'

/** A check: the request that it describes, and what it takes. */
export interface Check {
  readonly request: DescribedRequest
  /** Units of the limits whose cost the document does not say. Default: 1. */
  readonly cost?: Cost<string> | undefined
}

/** What decides: the policies of all namespaces over one store. All parts of the service share it. */
export class Service {
  readonly settings: Settings
  readonly feed: PolicyFeed
  readonly store: Store
  /** What holds without documents of the user; `undefined` with them. */
  readonly builtIn: MemoryDocument | undefined
  readonly blockList: BlockList | undefined
  readonly analytics: RedisAnalytics | undefined
  readonly events: DecisionEvents | undefined
  readonly metrics: ServerMetrics
  /** ms since the epoch. */
  readonly startedAt: number = systemClock.now()
  /** That of the store. */
  readonly clock: Clock
  /** What decides checks that are data. */
  readonly checks: Deciders<Check>
  /** Takes the requests that are decided, if somebody asks what another document would do with them. */
  recorder: Recorder | undefined
  private readonly drain = new AbortController()
  private readonly limiterMetrics: Metrics | undefined

  private constructor(settings: Settings, feed: PolicyFeed, store: Store, builtIn: MemoryDocument | undefined) {
    const { analytics, events } = settings
    this.settings = settings
    this.feed = feed
    this.store = store
    const blockList = (this.blockList = settings.blockList ?? (settings.admin && makeBlockList({ rule: false })))
    this.analytics = analytics
    this.events = events
    this.clock = store.clock ?? systemClock
    this.builtIn = builtIn
    this.checks = this.decidersOf(CHECK_HOST, {
      attributes: ({ request: { attributes = {} } }) => attributes,
      request: ({ request }) => this.withEverything(request),
      cost: costOf,
    })
    this.metrics = new ServerMetrics()
    const sources = { feeds: [feed], blockLists: blockList && [blockList], events: events && [events] }
    if (settings.metrics) this.limiterMetrics = prometheusMetrics(this.metrics.registry, sources)
  }

  /** @throws ERR_POLICY_UNAVAILABLE if the source has no document; ERR_STORE_UNAVAILABLE if the block list cannot be read */
  static async start(settings: Settings): Promise<Service> {
    const { store = memoryStore(), policies, blockList } = settings
    const builtIn = policies === undefined ? new MemoryDocument(DEFAULT_DOCUMENT, systemClock.now) : undefined
    const feed = await policyFeed({ ...settings.feed, source: policies ?? (builtIn as MemoryDocument), store })
    try {
      await blockList?.ready()
    } catch (error) {
      await feed.close()
      throw error
    }
    return new Service(settings, feed, store, builtIn)
  }

  /** Aborted when the service begins to end. It still answers. */
  get draining(): AbortSignal {
    return this.drain.signal
  }

  beginDrain(): void {
    this.drain.abort()
  }

  /** What decides the requests of a part of the service, in each namespace. */
  decidersOf<C>(host: Host<C>, options: DeciderOptions<C>): Deciders<C> {
    const attributes = (context: C) => this.attributesOf(options.attributes(context))
    const { blockList } = this
    return new Deciders(
      (name) => this.feed.of(this.namespaceOf(name)),
      host,
      { ...options, attributes, blockList },
      () => this.recorder,
    )
  }

  /** @throws ERR_NAMESPACE_UNKNOWN if the service has no such namespace; without a name, if it has several */
  namespaceOf(name: string | undefined): string {
    if (name !== undefined && this.feed.document(name) !== undefined) return name
    const { namespaces } = this.feed
    const [only = '', ...others] = namespaces
    if (this.builtIn !== undefined || (name === undefined && others.length === 0)) return only
    const got = name === undefined ? 'none' : quoted(name)
    const shown = namespaces.slice(0, MAX_SHOWN).map(quoted).join(', ')
    const more = namespaces.length > MAX_SHOWN ? ` and ${namespaces.length - MAX_SHOWN} more` : ''
    throw new SluiceError('ERR_NAMESPACE_UNKNOWN', `namespace: expected one of ${shown}${more}, got ${got}`)
  }

  /** Ends what was made here: the feed, a store and a block list in memory. What was given stays open. */
  async close(): Promise<void> {
    this.limiterMetrics?.close()
    await this.feed.close()
    if (this.settings.blockList === undefined) await this.blockList?.close()
    if (this.settings.store === undefined) await this.store.close?.()
  }

  /** The request with what the built-in document reads of it. */
  private withEverything(request: DescribedRequest): DescribedRequest {
    return this.builtIn === undefined ? request : { ...request, attributes: this.attributesOf(request.attributes ?? {}) }
  }

  /** The attributes of a request, as the document reads them. */
  attributesOf(attributes: Attributes): Attributes {
    return this.builtIn !== undefined ? { ...attributes, [EVERYTHING]: describe(attributes) } : attributes
  }
}

const MAX_SHOWN = 10

type Attributes = Readonly<Record<string, unknown>>

function costOf({ cost = 1 }: Check): Cost<string> {
  return cost
}

/** How core reads a request that is data. */
const CHECK_HOST: Host<Check> = {
  id: (check) => check,
  method: ({ request: { method = 'GET' } }) => method,
  target: ({ request: { path } }) => path,
  address: ({ request: { ip } }) => ip,
  // Who asks says what the address of the client is.
  trust: () => 'some',
  header: ({ request: { host, headers } }, name) => (name === 'host' && host !== undefined ? host : headerOf(headers, name)),
  route: ({ request: { route } }) => route ?? '',
  body: ({ request: { body } }) => body,
  // Who asks may never say how the request ended.
  ends: () => false,
}

function headerOf(headers: DescribedRequest['headers'], name: string): string | undefined {
  return Object.entries(headers ?? {}).find(([key]) => key.toLowerCase() === name)?.[1]
}
