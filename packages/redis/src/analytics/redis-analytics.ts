import { type Decision, type DecisionFacts, observe, systemClock } from '@sluice/core'
import { completeClock, printWarning, withCode } from '@sluice/core/store-kit'
import { connect, type RedisSource } from '../client/connect.ts'
import { messageOf } from '../errors.ts'
import { Reader } from '../inspect/reader.ts'
import { type AnalyticsReader, Boards } from './analytics-reader.ts'
import { AnalyticsKeys } from './keys.ts'
import { analyticsSettings, type AnalyticsSettings, type RedisAnalyticsOptions } from './options.ts'
import { Sender } from './sender.ts'
import { UsageCounts } from './usage-counts.ts'
import { Violations } from './violations.ts'

/** What became of the counts of this process. */
export interface AnalyticsHealth {
  /** Why the last flush failed. `undefined`: it succeeded, or there was none. */
  readonly reason: string | undefined
  /** Requests and refusals that no flush will count: Redis was away for more than 15 minutes, or more than 100 policies refused at a time. */
  readonly lost: number
  /** Requests that were counted with the tenant, the endpoint and the tier `__other__`, since the minute had more than 2,000 rows. */
  readonly folded: number
}

/** Counts what the limiters of this process decide, and reads what all processes have counted. */
export interface RedisAnalytics extends AnalyticsReader {
  /** Sends what was counted since the last flush. Never rejects: what is not sent stays for the next flush. */
  flush(): Promise<void>
  health(): AnalyticsHealth
  /** Stops counting, sends what is left, and ends a connection that it made. */
  close(): Promise<void>
}

/**
 * Top violators and usage in Redis, for who runs neither ClickHouse nor Kafka. It hears every limiter of this process, and sends its counts
 * each `interval`. No request waits for it. While Redis is away, it keeps the counts for up to 15 minutes.
 * @param source as for `redisStore`: a client of yours, which stays open, or where to connect
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { redisAnalytics } from '@sluice/redis'
 *
 * const analytics = redisAnalytics({ url: 'redis://localhost:6379' }, { secret: process.env['SLUICE_SECRET'] })
 * for (const { subject, policy, violations } of await analytics.topViolators({ since: '1h', limit: 10 }))
 *   console.log(subject, policy, violations)
 * ```
 */
export function redisAnalytics(source: RedisSource, options: RedisAnalyticsOptions): RedisAnalytics {
  const settings = analyticsSettings('redisAnalytics', options)
  return new Analytics(source, settings, options)
}

/** Messages that wait for a server that does not answer. Above, counts stay where they take less memory: in the counters. */
const MAX_WAITING = 400

class Analytics implements RedisAnalytics {
  readonly topViolators: AnalyticsReader['topViolators']
  readonly usage: AnalyticsReader['usage']
  readonly violations: AnalyticsReader['violations']
  private readonly settings: AnalyticsSettings
  private readonly clock: ReturnType<typeof completeClock>
  private readonly keys: AnalyticsKeys
  private readonly refused: Violations
  private readonly counted: UsageCounts
  private readonly sender: Sender
  private readonly unobserve: () => void
  private readonly disconnect: () => void
  private cancel: () => void = () => undefined
  private running: Promise<void> | undefined
  private next: Promise<void> | undefined
  private isClosed = false
  private reason: string | undefined
  private lost = 0

  constructor(source: RedisSource, settings: AnalyticsSettings, { prefix, secret }: RedisAnalyticsOptions) {
    const connection = connect(source)
    this.settings = settings
    this.clock = completeClock(settings.clock ?? systemClock)
    this.keys = new AnalyticsKeys(settings.prefix)
    this.counted = new UsageCounts(settings.region)
    this.refused = new Violations(settings.hide)
    this.sender = new Sender(connection, this.keys, settings.keep, this.clock.monotonic)
    const reader = new Boards(() => Reader.on({ ...connection, isOwn: false }), 'redisAnalytics', { prefix, secret }, this.clock.now)
    this.topViolators = (query) => reader.topViolators(query)
    this.usage = (query) => reader.usage(query)
    this.violations = (subject, query) => reader.violations(subject, query)
    this.disconnect = () => {
      if (connection.isOwn) connection.client.disconnect()
    }
    this.unobserve = observe({ decision: (decision, facts) => this.add(decision, facts) })
    this.schedule()
  }

  health(): AnalyticsHealth {
    return { reason: this.reason, lost: this.lost, folded: this.counted.foldedRequests }
  }

  flush(): Promise<void> {
    if (this.running === undefined) {
      this.running = this.sendAll().finally(() => (this.running = undefined))
      return this.running
    }
    // The flush that runs may not have the last counts.
    this.next ??= this.running.then(() => {
      this.next = undefined
      return this.flush()
    })
    return this.next
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    this.unobserve()
    this.cancel()
    await this.flush()
    this.disconnect()
  }

  private add(decision: Decision, { how, tenant = '', route = '' }: DecisionFacts): void {
    // All else is no request.
    if (how !== 'charge') return
    const now = this.clock.now()
    this.counted.add(decision, tenant, route, now)
    this.refused.add(decision, route, now)
  }

  private schedule(): void {
    this.cancel = this.clock.after(this.settings.interval, () => {
      void this.flush().then(() => {
        if (!this.isClosed) this.schedule()
      })
    })
  }

  private async sendAll(): Promise<void> {
    const { sender, settings, keys } = this
    try {
      await sender.ready()
      if (sender.waiting < MAX_WAITING) sender.queue([...this.counted.take(keys, settings.keep), ...this.refused.take(keys, settings.keep)])
      await sender.send(this.clock.now())
      this.reason = undefined
    } catch (error) {
      this.report(messageOf(error))
    }
    const lost = this.counted.takeMissed() + this.refused.takeMissed() + sender.takeLost()
    this.lost += lost
    if (lost > 0) this.report(`${lost} requests and refusals were not counted`)
  }

  /** Once for each reason in a row. */
  private report(reason: string): void {
    if (this.reason === reason) return
    this.reason = reason
    const { warning = ({ message }) => printWarning(message) } = this.settings
    try {
      warning({ code: 'WARN_ANALYTICS', message: withCode(`redisAnalytics: counts were not sent to Redis: ${reason}`, 'WARN_ANALYTICS') })
    } catch {
      // An observer that fails must not end the flushes.
    }
  }
}
