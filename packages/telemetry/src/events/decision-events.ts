import { type Decision, type DecisionFacts, observe, systemClock } from '@sluice/core'
import { keptAlive } from '@sluice/core/adapter-kit'
import { completeClock, subjectHash } from '@sluice/core/store-kit'
import { type Drops, noDrops } from './drops.ts'
import { EventQueue } from './event-queue.ts'
import { eventOf, type Origin, type UnsentEvent } from './event-of.ts'
import type { EventSink } from './events.ts'
import { checkEventOptions, type DecisionEventsOptions } from './options.ts'
import { Outlet } from './outlet.ts'
import { Sampler } from './sampler.ts'
import { UsageSender } from './usage-sender.ts'
import { UsageTable } from './usage-table.ts'
import { EventWarnings } from './warnings.ts'

/** UTF-16 units of a plain subject. A client chooses how long its subject is. */
const MAX_SUBJECT = 256

/** The state of the events of this process. */
export interface EventsHealth {
  /** `away` from a failed batch on, until the sink takes one. */
  readonly sink: 'connected' | 'away'
  /** Events that wait for the sink. */
  readonly waiting: number
  /** Requests that were counted under `__other__`, since a minute had more than 2,000 keys. */
  readonly folded: number
}

/** What `decisionEvents` returns. */
export interface DecisionEvents {
  /** Events and rows that were lost since the start, by the reason. */
  dropped(): Readonly<Record<keyof Drops, number>>
  health(): EventsHealth
  /** Sends all that waits, once. Returns whether the sink has all of it. Never rejects. For runtimes that stop between requests. */
  flush(): Promise<boolean>
  /** Hears no more decisions, sends all that waits, once, and closes the sink. Never rejects. Await it before the process ends. */
  close(): Promise<void>
}

/**
 * Sends what the limiters of this process decide to a sink: events of the topic `sluice.decisions.v1`, of which admitted requests are a sample, and
 * exact counts as `sluice.usage.v1`. No request waits for it.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { createLimiter, slidingWindow } from '@sluice/core'
 * import { decisionEvents, jsonLines } from '@sluice/telemetry'
 *
 * const events = decisionEvents({ sink: jsonLines('events.jsonl'), secret: process.env['SLUICE_SECRET'] ?? 'only-for-this-example' })
 * const limiter = createLimiter({ name: 'api', limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' })] })
 * await limiter.consume('alice')
 * await events.close()
 * ```
 */
export function decisionEvents(options: DecisionEventsOptions): DecisionEvents {
  checkEventOptions(options)
  return new RunningEvents(options)
}

class RunningEvents implements DecisionEvents {
  private readonly drops: Drops = noDrops()
  private readonly clock: ReturnType<typeof completeClock>
  private origin: Origin
  private isStarted = false
  private readonly samplesNothing: boolean
  private readonly sampler: Sampler
  private readonly outlet: Outlet
  private readonly table: UsageTable
  private readonly usage: UsageSender
  private readonly queue: EventQueue
  private readonly traces = new WeakMap<Decision, string>()
  private readonly ignore: () => void
  private closing: Promise<void> | undefined

  constructor(options: DecisionEventsOptions) {
    const { secret = '', subjects, sample = 0.01, refusals = 1_000, maxQueue = 10_000, timeout = 10_000, traceId } = options
    const { drops } = this
    const clock = completeClock(options.clock ?? systemClock)
    const sink = sinkOf(options.sink)
    const warnings = new EventWarnings(sink.name, () => lostIn(drops), options.on?.warning)
    this.clock = clock
    this.samplesNothing = sample === 0
    this.sampler = new Sampler(sample, refusals)
    this.outlet = new Outlet(sink, timeout, clock, warnings)
    this.table = new UsageTable(() => crypto.randomUUID(), clock.monotonic)
    const { region = '', instance = '' } = options
    this.origin = { region, instance }
    const hash = subjects === 'plain' ? cut : subjectHash(secret)
    this.usage = new UsageSender(this.table, { outlet: this.outlet, clock, region, drops })
    this.queue = new EventQueue({ capacity: maxQueue, outlet: this.outlet, clock, drops, complete: (event) => complete(event, hash) })
    this.ignore = observe({
      decision: (decision, facts) => this.add(decision, facts),
      ...(traceId && { refusal: (decision: Decision) => this.keepTrace(decision, traceId()) }),
    })
  }

  dropped(): Readonly<Record<keyof Drops, number>> {
    return { ...this.drops }
  }

  health(): EventsHealth {
    return { sink: this.outlet.isAway ? 'away' : 'connected', waiting: this.queue.size, folded: this.table.folded }
  }

  async flush(): Promise<boolean> {
    const taken = await Promise.all([this.usage.flush(), this.queue.flush()])
    return taken.every(Boolean)
  }

  close(): Promise<void> {
    this.closing ??= keptAlive(this.end())
    return this.closing
  }

  private async end(): Promise<void> {
    // Observers hear of a decision in the microtask after it.
    await Promise.resolve()
    this.ignore()
    await this.flush()
    this.usage.close()
    this.queue.close()
    await this.outlet.close()
  }

  private add(decision: Decision, facts: DecisionFacts): void {
    // Peeks, penalties and credits are no requests.
    if (facts.how !== 'charge') return
    const now = this.clock.now()
    if (!this.isStarted) this.start(now)
    this.table.count(now, decision, facts.tenant ?? '', facts.route ?? '')
    const isRefusal = decision.verdict !== 'allowed'
    const weight = this.sampler.weightOf(isRefusal, now)
    if (weight > 0) this.send(decision, facts, now, weight)
    else if (isRefusal && this.samplesNothing) this.drops.budget += 1
  }

  private start(now: number): void {
    this.isStarted = true
    this.table.advance(now)
    if (this.origin.instance === '') this.origin = { ...this.origin, instance: this.table.boot }
    this.usage.start()
  }

  private send(decision: Decision, facts: DecisionFacts, now: number, weight: number): void {
    const event = eventOf(decision, facts, this.origin, now, weight)
    event.trace_id = this.traces.get(decision) ?? ''
    this.queue.push(event)
  }

  private keepTrace(decision: Decision, trace: string | undefined): void {
    if (trace !== undefined) this.traces.set(decision, trace)
  }
}

function sinkOf(sink: DecisionEventsOptions['sink']): EventSink {
  return typeof sink === 'function' ? { name: 'of a function', send: sink } : sink
}

/** An event keeps its id when it is sent again. */
function complete(event: UnsentEvent, hash: (subject: string) => string): void {
  if (event.id !== '') return
  event.id = crypto.randomUUID()
  if (event.subject !== '') event.subject = hash(event.subject)
}

function cut(subject: string): string {
  return subject.slice(0, MAX_SUBJECT)
}

function lostIn(drops: Drops): number {
  return Object.values(drops).reduce((sum, count: number) => sum + count, 0)
}
