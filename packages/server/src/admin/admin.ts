import type { BlockList } from '@sluice/blocklist'
import { type Clock, observe, systemClock } from '@sluice/core'
import { invalid, printWarning } from '@sluice/core/adapter-kit'
import type { PolicyFeed } from '@sluice/policies'
import type { AnalyticsReader } from '@sluice/redis'
import { policyWriter } from '../publish/open-writer.ts'
import type { PolicyWriter } from '../publish/writer.ts'
import type { Service } from '../service.ts'
import { AuditLog } from './audit/audit-log.ts'
import { RedisAudit } from './audit/redis-audit.ts'
import { Calls } from './calls.ts'
import { Failures } from './failures.ts'
import { Guard } from './guard.ts'
import { Identities } from './identities.ts'
import { type InstanceList, OwnInstance } from './instances/instance.ts'
import { SharedInstances } from './instances/shared-instances.ts'
import { RequestRecorder } from './impact/recorder.ts'
import { Sampler } from './live/sampler.ts'
import { StoreWatch } from './live/store-watch.ts'
import type { AdminSettings } from './options.ts'
import { Publications } from './policies/publications.ts'
import { Publisher } from './policies/publisher.ts'
import { SubjectBoard } from './subjects/subject-board.ts'

/** What the endpoints of the admin API share. */
export class Admin {
  readonly settings: AdminSettings
  readonly clock: Required<Clock> = systemClock
  readonly feed: PolicyFeed
  readonly audit: AuditLog
  readonly instances: InstanceList
  readonly publications: Publications
  readonly publisher: Publisher
  readonly sampler: Sampler
  readonly board: SubjectBoard
  readonly recorder: RequestRecorder
  readonly blocks: BlockList | undefined
  readonly analytics: AnalyticsReader | undefined
  readonly store: StoreWatch
  private readonly failures = new Failures()
  private readonly calls = new Calls()
  readonly guard: Guard
  private readonly storage: RedisAudit | undefined
  private readonly ends: (() => unknown)[] = []

  /** @throws ERR_OPTION_INVALID */
  static async start(service: Service, settings: AdminSettings): Promise<Admin> {
    const { publishTo } = settings
    const place = typeof publishTo === 'string' ? await policyWriter(publishTo) : publishTo
    if (publishTo !== undefined && place === undefined)
      throw invalid('serve: admin.publishTo', "a URL such as 'file:sluice.yaml' or 'redis://localhost:6379'", 'another text')
    return new Admin(service, settings, place)
  }

  private constructor(service: Service, settings: AdminSettings, place: PolicyWriter | undefined) {
    const { feed } = service
    const { now } = this.clock
    this.settings = settings
    this.feed = feed
    const { redis, onAudit } = settings
    const storage = redis && new RedisAudit(redis, 'sluice:audit')
    this.storage = storage
    this.audit = new AuditLog(storage, onAudit, reportOnce('the audit log is not written'))
    this.instances =
      redis === undefined
        ? new OwnInstance(feed, now)
        : new SharedInstances(redis, feed, reportOnce('other instances do not hear of this one'))
    this.publications = new Publications(feed, now)
    this.publisher = new Publisher({
      feed,
      clock: this.clock,
      instances: this.instances,
      publications: this.publications,
      place: service.builtIn ?? place,
    })
    this.store = new StoreWatch(service.settings.store)
    this.board = new SubjectBoard(this.clock)
    this.recorder = service.recorder = new RequestRecorder(feed, this.clock)
    this.blocks = service.blockList
    this.analytics = service.analytics
    this.sampler = new Sampler(() => ({ store: { state: this.store.state().state }, instances: this.instances.count }))
    this.guard = new Guard({
      identities: new Identities(settings, now),
      failures: this.failures,
      calls: this.calls,
      audit: this.audit,
      now,
    })
    this.ends.push(this.watch())
    service.draining.addEventListener('abort', () => this.end(), { once: true })
  }

  /** Called at the end: a connection with a stream would stay open. */
  onClose(end: () => unknown): void {
    this.ends.push(end)
  }

  async close(): Promise<void> {
    this.end()
    this.sampler.close()
    this.publications.close()
    this.recorder.close()
    await this.instances.close()
    await this.failures.close()
    await this.calls.close()
    this.storage?.close()
  }

  /** Ends what runs by itself. Streams end with the drain: their readers connect to another instance. */
  private end(): void {
    for (const end of this.ends.splice(0)) end()
  }

  private watch(): () => void {
    const { store, sampler, board } = this
    return observe({
      decision: (decision, facts) => {
        // Other limiters of the process, such as that of failed attempts, are none of the service's.
        if (this.feed.inForce(decision.policy) === undefined) return
        sampler.decided(decision, facts)
        board.decided(decision, facts)
      },
      command: (event) => store.command(event),
      breaker: (event) => store.breaker(event),
    })
  }
}

/** Says once what fails, with the first reason. */
function reportOnce(what: string): (error: unknown) => void {
  let isReported = false
  return (error) => {
    if (!isReported) printWarning(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    isReported = true
  }
}
