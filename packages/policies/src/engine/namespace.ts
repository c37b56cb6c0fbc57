import type { Clock, Cost, Decision, MaybePromise, Observers, RateLimitOptions, RequestBlockList, RequestPolicies } from '@sluice/core'
import { SluiceError, systemClock } from '@sluice/core'
import {
  factsOf,
  LimiterEngine,
  ObserverHub,
  type Policy,
  type PolicyMount,
  type PolicyView,
  type MountablePolicies,
  type Host,
  type PolicyPipeline,
  policyPipeline,
  type ScopedLimit,
} from '@sluice/core/adapter-kit'
import { stateNameOf } from '@sluice/core/store-kit'
import type { Ceiling } from '../checks/ceilings.ts'
import type { ClientDirectory } from '../clients/client-directory.ts'
import { reportingReader } from '../clients/settings.ts'
import { compile, type CompiledPolicy } from '../compile/revision.ts'
import { Pool } from '../compile/pool.ts'
import type { OverrideSpec, PolicyDocument, TestRequest } from '../document.ts'
import type { Backing } from './backing.ts'
import type { Deciding, InForce } from './in-force.ts'
import { LimitSets, ScopedLimits } from './limit-sets.ts'
import { configuredLimits, modesOf } from './configured-limits.ts'
import { JointMount } from './joint-mount.ts'
import type { JointView } from './joint-view.ts'
import { Mount } from './mount.ts'
import { ResponselessMount } from './responseless-mount.ts'
import { type CheckOptions, checkRequest, REQUEST_VIEW } from './request-data.ts'
import { rowReporter } from './row-reporter.ts'
import { overridesOf, type SubjectLimit, subjectLimits } from './subject-limits.ts'
import { VIEWED, type Viewed } from './viewed.ts'

/** What a namespace is made with. */
export interface NamespaceParts {
  readonly namespace: string
  readonly backing: Pick<Backing, 'store' | 'clients'>
  readonly ipv6Prefix?: number | undefined
  readonly on?: Observers | undefined
  readonly clock?: Clock | undefined
  readonly ceiling?: Ceiling | undefined
  readonly onClose?: (() => Promise<void>) | undefined
}

/**
 * The policies of one namespace, as limiters use them. All mounts share one engine, and a new revision replaces one reference.
 * @example
 * ```ts
 * import type { NamespacePolicies } from '@sluice/policies'
 *
 * export async function isAllowed(policies: NamespacePolicies, client: string): Promise<boolean> {
 *   const { allowed } = await policies.check({ method: 'POST', path: '/jobs', attributes: { client } })
 *   return allowed
 * }
 * ```
 */
export class NamespacePolicies implements RequestPolicies, MountablePolicies, Deciding {
  readonly name: string
  readonly on: Observers | undefined
  readonly clients: ClientDirectory | undefined
  readonly clock: Clock
  readonly ipv6Prefix: number | undefined
  readonly engine: LimiterEngine
  current: InForce
  private readonly observers: ObserverHub
  private readonly onClose: NamespaceParts['onClose']
  private readonly pool = new Pool()
  private readonly scoped = new ScopedLimits()
  private readonly data: PolicyMount<TestRequest>

  constructor(document: PolicyDocument, { namespace, backing, ipv6Prefix, on, clock, ceiling, onClose }: NamespaceParts) {
    const { store, clients } = backing
    this.onClose = onClose
    this.name = namespace
    this.on = on
    this.clients = clients
    this.ipv6Prefix = ipv6Prefix
    this.clock = clock ?? store.clock ?? systemClock
    this.observers = new ObserverHub(namespace, on)
    this.current = this.compiled(document, ceiling)
    this.engine = new LimiterEngine(this.policy(), store, this.observers)
    this.data = this.mount(REQUEST_VIEW)
    this.warnOfTable(document)
  }

  /**
   * Puts a revision in force: from now on all requests that begin are decided by it.
   * @param ceiling what numbers of the table of clients are cut to
   */
  use(document: PolicyDocument, ceiling?: Ceiling): void {
    this.current = this.compiled(document, ceiling)
    this.engine.change(this.policy())
    this.warnOfTable(document)
  }

  /** Called by `rateLimit({ policies })`. */
  pipeline<C, R>(host: Host<C>, options: RateLimitOptions<C, R>): PolicyPipeline<C, R> {
    return policyPipeline(host, options, this)
  }

  mount<C>(view: PolicyView<C>): PolicyMount<C> {
    return new Mount<C>(this, view)
  }

  /** As `mount`, for requests whose responses nobody sees: limits by concurrency, and those with `settle` or `refundOn`, are not asked. */
  mountWithoutResponses<C>(view: PolicyView<C>): PolicyMount<C> {
    return new ResponselessMount<C>(this, view)
  }

  /**
   * For services that decide several requests as one, such as the descriptors of Envoy.
   * @param blockList is asked about each request, before anything is charged
   */
  joint<C extends object>(view: JointView<C>, blockList?: RequestBlockList): JointMount<C> {
    return new JointMount<C>(this, view, blockList)
  }

  /**
   * Decides a request that is data, such as a message of a queue. A request that nothing limits is allowed, by a decision without charges.
   * @throws ERR_SUBJECT_MISSING if a subject is missing without which the document refuses; ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
   */
  check(request: TestRequest, options: CheckOptions = {}): MaybePromise<Decision> {
    checkRequest(request, options)
    return this.decided(request, options.cost)
  }

  /**
   * What each limit of the document counts for a subject, for an operator. It takes nothing. The subject is a text, as decisions have it: the
   * value of a subject with one part, or what `joinSubject` makes of several.
   * @throws the error of a store that is away, unless a failure mode decides
   */
  subjectLimits(subject: string): Promise<readonly SubjectLimit[]> {
    return subjectLimits(this.engine, this.current, subject, this.clock.now())
  }

  /** The overrides that hold for a subject now, by their policy, without those for a share of all subjects. */
  overridesOf(subject: string): readonly (OverrideSpec & { readonly policy: string })[] {
    const { policies = [] } = this.current.revision.document
    const now = this.clock.now()
    return policies.flatMap(({ name, overrides = [] }) => overridesOf(overrides, subject, now).map((each) => ({ ...each, policy: name })))
  }

  /** Deletes what is counted for a subject, under all limits of this revision and the last. Returns whether anything was counted. */
  async reset(subject: string): Promise<boolean> {
    return await this.engine.reset(subject)
  }

  /** Ends the limiter. A store or a table that was given stays open. Of a feed, call `close()` of the feed. */
  async close(): Promise<void> {
    await this.engine.close()
    await this.onClose?.()
  }

  private async decided(request: TestRequest, cost: Cost<string> | undefined): Promise<Decision> {
    const { missing, decided } = await this.data.decide(request, cost)
    if (missing !== undefined)
      throw new SluiceError(
        'ERR_SUBJECT_MISSING',
        `policies "${this.name}": expected a request with ${missing.part}, without which the document refuses it`,
      )
    if (decided !== undefined) return decided.decision
    const facts = this.observers.hears ? factsOf(REQUEST_VIEW, request, request.attributes?.['tenant']) : undefined
    return this.engine.decide({ ...UNLIMITED, context: this.unlimited() }, '', undefined, 'charge', undefined, facts)
  }

  private warnOfTable({ tier }: PolicyDocument): void {
    if (tier?.table === undefined || this.clients !== undefined) return
    const message =
      `tier.table: expected clients, the table "${tier.table}" that the document names, got none; ` +
      'until then each request has the tier of its attribute, or the default one'
    this.observers.warn('WARN_CLIENT_TABLE', message, tier.table)
  }

  private unlimited() {
    const { revision } = this.current.revision.document
    return { policy: this.name, tier: undefined, mode: 'enforce', failMode: 'local', document: { revision, policies: [] } } as const
  }

  private compiled(document: PolicyDocument, ceiling: Ceiling | undefined): InForce {
    const { pool, ipv6Prefix, scoped, name } = this
    pool.next()
    const revision = compile<Viewed>(document, VIEWED, { ipv6Prefix, pool, ceiling })
    const settingsOf = reportingReader(document.columns, rowReporter(this.observers, revision))
    return { revision, sets: new LimitSets(name, document.revision, scoped), settingsOf }
  }

  /** All limits of the revision in force, for `reset` and `block`. */
  private policy(): Policy {
    const limits = this.current.revision.policies.flatMap((policy) => this.limitsOf(policy))
    const states = new Map(limits.map((scoped) => [`${scoped.scope} ${stateNameOf(scoped)}`, scoped]))
    return {
      name: this.name,
      mode: 'enforce',
      failMode: 'local',
      configured: () => configuredLimits(this.current.revision),
      base: { tier: undefined, limits: [...states.values()] },
      tiers: new Map(),
      names: new Set(limits.map(({ limit }) => limit.name)),
      readsNumbers: false,
      definition: 'policies',
    }
  }

  private limitsOf(policy: CompiledPolicy<Viewed>): readonly ScopedLimit[] {
    const { rules } = policy
    const compiled = rules.flatMap(({ limits, tiers }) => [limits, ...(tiers?.values() ?? [])].flat())
    return modesOf(policy).flatMap((each) => compiled.map((limit) => this.scoped.of(limit, limit.rule.limit, each)))
  }
}

const UNLIMITED = { tier: undefined, limits: [] } as const
