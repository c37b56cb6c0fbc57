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
import { pause, type SourceDocument } from '@sluice/core/store-kit'
import type { PolicyDocument, TestRequest } from '../document.ts'
import type { NamespacePolicies } from '../engine/namespace.ts'
import { documentOfNone, Namespaces } from '../engine/namespaces.ts'
import type { CheckOptions } from '../engine/request-data.ts'
import { parseLocated } from '../parse.ts'
import { pathText } from '../problems.ts'
import { type Accepted, acceptedOf, type Answer, answerTo, documentOf, inSourceOf, reportAnswer } from './acceptance.ts'
import { CeilingsInForce } from './ceilings-in-force.ts'
import { DiskCache, fileOf } from './disk-cache.ts'
import { type ChangeListener, ChangeListeners } from './change-listeners.ts'
import type { FeedHealth, FeedOptions, InSource, LoadResult, Origin } from './options.ts'
import { SourceFollower } from './source-follower.ts'
import { Warnings } from './warnings.ts'

/** One namespace as this process has it. */
interface Followed {
  accepted: Accepted
  from: Origin
  confirmedAt: number | undefined
  /** What the source has under `key`. */
  inSource: InSource
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
  private readonly clock: Clock
  private readonly cache: DiskCache | undefined
  private readonly followed = new Map<string, Followed>()
  /** Texts of the source that their ceilings refuse, or that came before these, by key. */
  private readonly held = new Map<string, string>()
  private readonly changes: ChangeListeners
  private readonly loads: Record<LoadResult, number> = { accepted: 0, confirmed: 0, stale: 0, fork: 0, invalid: 0, held: 0 }
  private readonly warnings: Warnings
  private readonly limiters: Namespaces
  private readonly source: SourceFollower
  private readonly ceilings: CeilingsInForce

  constructor(options: FeedOptions) {
    this.options = options
    this.clock = options.clock ?? systemClock
    this.cache = options.cache === undefined ? undefined : new DiskCache(options.cache)
    this.warnings = new Warnings(options.on?.warning)
    this.changes = new ChangeListeners(options.on?.change, this.warnings)
    this.limiters = new Namespaces(options)
    const { clock, warnings, cache } = this
    this.ceilings = new CeilingsInForce(options.ceilings, { clock, warnings, cache }, () => this.recheck())
    this.source = new SourceFollower(
      options.source,
      'source',
      { clock, warnings },
      {
        all: (documents) => this.takeAll(documents),
        put: (text, key) => this.take(text, key, 'source'),
        missing: (key) => this.miss(key),
        progress: () => {
          // A source that is well says nothing of a document that it does not have, or that was refused.
          for (const followed of this.followed.values()) if (followed.inSource === 'same') followed.confirmedAt = clock.now()
        },
      },
    )
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

  /** The document in force of a namespace, with the text that it came as; `undefined` if the feed has none. */
  inForce(namespace: string): { readonly document: PolicyDocument; readonly text: string } | undefined {
    return this.followed.get(namespace)?.accepted
  }

  /**
   * Calls the listener with each document that comes into force from now on, until the returned function is called. As `on.change`, for parts
   * of a program that did not make the feed. A listener that throws is reported as WARN_OBSERVER_FAILED.
   */
  subscribe(listener: ChangeListener): () => void {
    return this.changes.add(listener)
  }

  /** Whether the source answers, and how current each namespace is. */
  health(): FeedHealth {
    const namespaces = [...this.followed].map(([namespace, { accepted, from, inSource, confirmedAt }]) => {
      return { namespace, revision: accepted.document.revision, from, inSource, confirmedAt }
    })
    return {
      source: this.source.state,
      problem: this.warnings.last,
      ceilings: this.ceilings.revision,
      namespaces,
      loads: { ...this.loads },
    }
  }

  /** Reads the source now, and resolves when its documents are in force or refused. Rejects if the source is away. */
  refresh(): Promise<void> {
    return keptAlive(
      this.ceilings
        .load()
        .then(() => this.source.load())
        .then(() => undefined),
    )
  }

  /** Stops following. The documents in force stay. */
  async close(): Promise<void> {
    await Promise.all([this.source.close(), this.ceilings.close()])
    await this.limiters.close()
  }

  /** Resolves when each namespace has a document. @throws ERR_POLICY_UNAVAILABLE */
  async start(): Promise<void> {
    const { startTimeout = 2_000, fallback = [], onMissing } = this.options
    const timeout = new AbortController()
    const first = Promise.all([this.ceilings.start(), this.source.start()])
    await Promise.race([first, pause(startTimeout, this.clock, timeout.signal)])
    timeout.abort()
    await this.ceilings.restore()
    for (const { key, text } of (await this.cache?.load()) ?? []) this.take(text, key, 'cache')
    for (const document of fallback) {
      if (!this.followed.has(document.namespace)) this.accept(acceptedOf(document), 'fallback', undefined)
    }
    const missing = (this.options.namespaces ?? []).filter((namespace) => !this.followed.has(namespace))
    if (onMissing !== undefined) {
      for (const namespace of missing.splice(0)) this.accept(acceptedOf(documentOfNone(namespace, onMissing)), 'missing', undefined)
    }
    if (missing.length === 0 && this.followed.size > 0) return
    // Before it is closed: a source may answer a load that was aborted.
    const reason = this.warnings.last ?? 'the source has none'
    await this.close()
    const what = missing.length === 0 ? 'no document' : `no document of ${missing.join(', ')}`
    throw new SluiceError(
      'ERR_POLICY_UNAVAILABLE',
      `policyFeed: ${what} after ${startTimeout} ms: ${reason}; set cache or fallback to start without the source`,
    )
  }

  private takeAll(documents: readonly SourceDocument[]): void {
    const keys = new Set(documents.map(({ key }) => key))
    for (const key of this.held.keys()) if (!keys.has(key)) this.held.delete(key)
    for (const { key, text } of documents) this.take(text, key, 'source')
    for (const { key } of this.followed.values()) if (key !== undefined && !keys.has(key)) this.miss(key)
  }

  private miss(key: string): void {
    this.held.delete(key)
    const found = this.under(key)
    if (found === undefined) return
    found[1].inSource = 'gone'
    this.warnings.report(
      key,
      'WARN_POLICY_MISSING',
      `${key} is gone from ${this.options.source.name}, and namespace "${found[0]}" stays in force; to remove its limits, publish a document with deleted: true`,
    )
  }

  /** The namespace in force that the source has under a key. */
  private under(key: string): readonly [namespace: string, followed: Followed] | undefined {
    for (const each of this.followed) if (each[1].key === key) return each
    return undefined
  }

  /** Notes what the source has instead of the document in force that it had under this key. */
  private compare(key: string, answer: Answer): void {
    const found = this.under(key)
    if (found === undefined) return
    const [namespace, followed] = found
    const document = documentOf(answer)
    if (document === undefined || document.namespace === namespace) followed.inSource = inSourceOf(answer)
    else {
      // What the key has from now on says nothing of this namespace.
      followed.inSource = 'gone'
      followed.key = undefined
    }
  }

  private take(text: string, key: string, from: 'source' | 'cache'): void {
    const { namespaces } = this.options
    const answer = answerTo<PolicyDocument>(text, key, {
      parse: parseLocated,
      isFollowed: ({ namespace }) => namespaces?.includes(namespace) ?? true,
      currentOf: ({ namespace }) => {
        const current = this.followed.get(namespace)
        // The first document of the source replaces what stands in for it, of any revision.
        return current?.from === 'fallback' || current?.from === 'missing' ? undefined : current?.accepted
      },
      // What the cache has was in force before, so it stays in force.
      exceedingOf: (document) => (from === 'source' ? this.ceilings.exceedingOf(document) : []),
    })
    if (from === 'source' || answer.kind === 'accepted' || answer.kind === 'invalid') reportAnswer(this.warnings, key, answer)
    if (from === 'source') {
      if (answer.kind !== 'foreign') this.loads[answer.kind] += 1
      if (answer.kind === 'held') this.held.set(key, text)
      else this.held.delete(key)
      this.compare(key, answer)
    }
    if (answer.kind === 'confirmed') this.confirm(answer.document.namespace, from, key)
    if (answer.kind !== 'accepted') return
    this.accept(answer.accepted, from, from === 'source' ? key : undefined)
    if (from === 'source') this.cache?.save(fileOf(answer.accepted.document.namespace), text, this.warnings)
  }

  private accept(accepted: Accepted, from: Origin, key: string | undefined): void {
    const { document } = accepted
    const previous = this.followed.get(document.namespace)?.accepted.document
    const confirmedAt = from === 'source' ? this.clock.now() : undefined
    const inSource = from === 'source' ? 'same' : 'unknown'
    this.use(document)
    this.followed.set(document.namespace, { accepted, from, inSource, confirmedAt, key })
    this.changes.call({ document, previous })
  }

  private use(document: PolicyDocument): void {
    const { namespace } = document
    this.limiters.use(document, this.ceilings.of(namespace))
    const about = `ceilings of ${namespace}`
    const [first] = this.ceilings.exceedingOf(document) ?? []
    if (first === undefined) return this.warnings.clear(about)
    this.warnings.report(
      about,
      'WARN_POLICY_CEILING',
      `namespace "${namespace}": revision ${document.revision} exceeds the ceilings, and stays in force: ${pathText(first.path)}: ` +
        `${first.message}; publish a revision that keeps to them`,
    )
  }

  /** Ceilings have changed: documents in force are compiled again, and those that were refused are asked again. */
  private recheck(): void {
    for (const { accepted } of this.followed.values()) this.use(accepted.document)
    for (const [key, text] of this.held) this.take(text, key, 'source')
  }

  private confirm(namespace: string, from: 'source' | 'cache', key: string): void {
    const followed = this.followed.get(namespace)
    if (followed === undefined || from !== 'source') return
    followed.from = 'source'
    followed.inSource = 'same'
    followed.key = key
    followed.confirmedAt = this.clock.now()
  }
}
