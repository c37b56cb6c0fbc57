import {
  type Clock,
  type Decision,
  type MaybePromise,
  type RateLimitOptions,
  type RequestPolicies,
  SluiceError,
  systemClock,
} from '@sluice/core'
import { type Host, keptAlive, type PolicyPipeline } from '@sluice/core/adapter-kit'
import type { PolicySource, Snapshot, SourceEvent } from '@sluice/core/store-kit'
import type { PolicyDocument, TestRequest } from '../document.ts'
import type { NamespacePolicies } from '../engine/namespace.ts'
import { documentOfNone, Namespaces } from '../engine/namespaces.ts'
import type { CheckOptions } from '../engine/request-data.ts'
import { type Accepted, acceptedOf, answerTo } from './acceptance.ts'
import { backOff, LONGEST, pause } from './back-off.ts'
import { DiskCache } from './disk-cache.ts'
import type { FeedHealth, FeedOptions, Origin } from './options.ts'
import { Warnings } from './warnings.ts'

/** One namespace as this process has it. */
interface Followed {
  accepted: Accepted
  from: Origin
  confirmedAt: number | undefined
  /** Under which key the source has it. */
  key: string | undefined
}

/**
 * Follows the documents of a source while the process runs. `policyFeed` makes it.
 * @example
 * ```ts
 * import type { PolicyFeed } from '@sluice/policies'
 *
 * export function report(feed: PolicyFeed): void {
 *   const { source, problem, namespaces } = feed.health()
 *   console.log(source, problem ?? 'no problem', namespaces)
 * }
 * ```
 */
export class PolicyFeed implements RequestPolicies {
  private readonly options: FeedOptions
  private readonly source: PolicySource
  private readonly clock: Clock
  private readonly cache: DiskCache | undefined
  private readonly followed = new Map<string, Followed>()
  private readonly warnings: Warnings
  private readonly limiters: Namespaces
  private readonly closing = new AbortController()
  private state: FeedHealth['source'] = 'connecting'
  private loading: Promise<void> | undefined
  private isLoadWanted = false
  private running: Promise<void> | undefined

  constructor(options: FeedOptions) {
    this.options = options
    this.source = options.source
    this.clock = options.clock ?? systemClock
    this.cache = options.cache === undefined ? undefined : new DiskCache(options.cache)
    this.warnings = new Warnings(options.on?.warning)
    this.limiters = new Namespaces(options)
  }

  /**
   * The policies of one namespace, for `rateLimit({ policies })`. A feed of one namespace can be given itself.
   * @throws ERR_POLICY_NAMESPACE if the feed has no such namespace
   */
  of(namespace: string): NamespacePolicies {
    return this.limiters.of(namespace)
  }

  /** Called by `rateLimit({ policies })`. @throws ERR_POLICY_NAMESPACE if there are several namespaces */
  pipeline<C, R>(host: Host<C>, options: RateLimitOptions<C, R>): PolicyPipeline<C, R> {
    return this.limiters.of(undefined).pipeline(host, options)
  }

  /**
   * Decides a request that is data, such as a message of a queue, by the only namespace. Nothing limits it: the decision has no charges.
   * @throws ERR_SUBJECT_MISSING if a subject is missing without which the document refuses; ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN;
   * ERR_POLICY_NAMESPACE if there are several namespaces
   */
  check(request: TestRequest, options?: CheckOptions): MaybePromise<Decision> {
    return this.limiters.of(undefined).check(request, options)
  }

  /** The document in force; `undefined` where there is none. A document that was deleted says so. */
  document(namespace: string): PolicyDocument | undefined {
    return this.followed.get(namespace)?.accepted.document
  }

  /** The namespaces that have a document. */
  get namespaces(): readonly string[] {
    return [...this.followed.keys()]
  }

  /** Whether the source answers, and how current each namespace is. */
  health(): FeedHealth {
    const namespaces = [...this.followed].map(([namespace, { accepted, from, confirmedAt }]) => {
      return { namespace, revision: accepted.document.revision, from, confirmedAt }
    })
    return { source: this.state, problem: this.warnings.last, namespaces }
  }

  /** Reads the source now, and resolves when its documents are in force or refused. Rejects if the source is away. */
  refresh(): Promise<void> {
    return keptAlive(this.load().then(() => undefined))
  }

  /** Stops following. The documents in force stay. */
  async close(): Promise<void> {
    this.closing.abort()
    await this.running
    await this.source.close?.()
    await this.limiters.close()
  }

  /** Resolves when each namespace has a document. @throws ERR_POLICY_UNAVAILABLE */
  async start(): Promise<void> {
    const { startTimeout = 2_000, fallback = [], onMissing } = this.options
    const timeout = new AbortController()
    const first = new Promise<void>((resolve) => {
      this.running = this.run(resolve)
    })
    await Promise.race([first, pause(startTimeout, this.clock, timeout.signal)])
    timeout.abort()
    for (const { key, text } of (await this.cache?.load()) ?? []) this.take(text, key, 'cache')
    for (const document of fallback) {
      if (!this.followed.has(document.namespace)) this.accept(acceptedOf(document), 'fallback', undefined)
    }
    const missing = (this.options.namespaces ?? []).filter((namespace) => !this.followed.has(namespace))
    if (onMissing !== undefined) {
      for (const namespace of missing.splice(0)) this.accept(acceptedOf(documentOfNone(namespace, onMissing)), 'missing', undefined)
    }
    if (missing.length === 0 && this.followed.size > 0) return
    await this.close()
    const what = missing.length === 0 ? 'no document' : `no document of ${missing.join(', ')}`
    const reason = this.warnings.last ?? 'the source has none'
    throw new SluiceError(
      'ERR_POLICY_UNAVAILABLE',
      `policyFeed: ${what} after ${startTimeout} ms: ${reason}; set cache or fallback to start without the source`,
    )
  }

  private async run(isFirst: () => void): Promise<void> {
    const { signal } = this.closing
    const time = this.clock.monotonic?.bind(this.clock) ?? systemClock.monotonic
    for (let attempt = 0; !signal.aborted;) {
      const begin = time()
      try {
        const cursor = await this.load()
        isFirst()
        await this.source.watch(cursor, (event) => this.hear(event), signal)
      } catch (error) {
        if (signal.aborted) break
        this.state = 'away'
        const reason = error instanceof Error ? error.message : String(error)
        this.warnings.report(
          'source',
          'WARN_POLICY_SOURCE',
          `${this.source.name} does not answer, so its last documents stay in force: ${reason}`,
        )
      }
      // A source that can be read, and not be watched, is away as well: a load alone must not end the back-off.
      if (time() - begin >= LONGEST) attempt = 0
      await pause(backOff(attempt++), this.clock, signal)
    }
  }

  private async load(): Promise<string | undefined> {
    const snapshot = await this.source.load(this.closing.signal)
    this.state = 'connected'
    this.warnings.clear('source')
    this.takeAll(snapshot)
    return snapshot.cursor
  }

  /** Hints that come while a load is under way need one more load after it. */
  private reload(): void {
    this.isLoadWanted = true
    this.loading ??= (async () => {
      while (this.isLoadWanted && !this.closing.signal.aborted) {
        this.isLoadWanted = false
        await this.load().catch((error: unknown) => {
          this.warnings.report('source', 'WARN_POLICY_SOURCE', `${this.source.name} could not be read: ${String(error)}`)
        })
      }
      this.loading = undefined
    })()
  }

  private hear(event: SourceEvent): void {
    if (this.closing.signal.aborted) return
    switch (event.type) {
      case 'put':
        this.take(event.text, event.key, 'source')
        break
      case 'missing':
        this.miss(event.key)
        break
      case 'progress':
        for (const followed of this.followed.values()) if (followed.from === 'source') followed.confirmedAt = this.clock.now()
        break
      case 'resync':
        this.reload()
        break
    }
  }

  private takeAll({ documents }: Snapshot): void {
    const keys = new Set(documents.map(({ key }) => key))
    for (const { key, text } of documents) this.take(text, key, 'source')
    for (const { key } of this.followed.values()) if (key !== undefined && !keys.has(key)) this.miss(key)
  }

  private miss(key: string): void {
    const found = [...this.followed].find(([, followed]) => followed.key === key)
    if (found === undefined) return
    this.warnings.report(
      key,
      'WARN_POLICY_MISSING',
      `${key} is gone from ${this.source.name}, and namespace "${found[0]}" stays in force; to remove its limits, publish a document with deleted: true`,
    )
  }

  private take(text: string, key: string, from: 'source' | 'cache'): void {
    const { namespaces } = this.options
    const answer = answerTo(
      text,
      key,
      (namespace) => {
        const current = this.followed.get(namespace)
        // The first document of the source replaces what stands in for it, of any revision.
        return current?.from === 'fallback' || current?.from === 'missing' ? undefined : current?.accepted
      },
      (namespace) => namespaces?.includes(namespace) ?? true,
    )
    switch (answer.kind) {
      case 'accepted':
        this.accept(answer.accepted, from, from === 'source' ? key : undefined)
        this.warnings.clear(key)
        if (from === 'source') this.keep(answer.accepted)
        break
      case 'confirmed':
        this.confirm(answer.namespace, from, key)
        this.warnings.clear(key)
        break
      case 'stale':
        if (from === 'source')
          this.warnings.report(
            key,
            'WARN_POLICY_STALE',
            `${key} has revision ${answer.revision}, which is lower than the one in force (${answer.current}), so it is ignored`,
          )
        break
      case 'fork':
        if (from === 'source')
          this.warnings.report(
            key,
            'ANOMALY_POLICY_FORK',
            `${key} has other content than the document in force, and the same revision (${answer.revision}), so it is ignored; publish it with a higher revision`,
          )
        break
      case 'invalid':
        this.warnings.report(key, 'ERR_POLICY_INVALID', answer.error.message)
        break
      case 'foreign':
        break
    }
  }

  private accept(accepted: Accepted, from: Origin, key: string | undefined): void {
    const { document } = accepted
    this.limiters.use(document)
    const previous = this.followed.get(document.namespace)?.accepted.document
    const confirmedAt = from === 'source' ? this.clock.now() : undefined
    this.followed.set(document.namespace, { accepted, from, confirmedAt, key })
    this.options.on?.change?.({ document, previous })
  }

  private confirm(namespace: string, from: 'source' | 'cache', key: string): void {
    const followed = this.followed.get(namespace)
    if (followed === undefined || from !== 'source') return
    followed.from = 'source'
    followed.key = key
    followed.confirmedAt = this.clock.now()
  }

  private keep({ document, text }: Accepted): void {
    this.cache?.save(document.namespace, text).catch((error: unknown) => {
      this.warnings.report(
        'cache',
        'WARN_POLICY_SOURCE',
        `the last document could not be kept in ${this.options.cache ?? ''}: ${String(error)}`,
      )
    })
  }
}
