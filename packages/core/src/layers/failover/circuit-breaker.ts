import type { Charge, ConsumeOptions, Outcome, StoreError, StoreHealth } from '../../store.ts'
import { Background } from '../background.ts'
import { FailureCount } from './failure-count.ts'
import type { FailoverContext } from './options.ts'
import type { Reconciliation } from './reconciliation.ts'
import { reasonOf } from './outage.ts'
import { isStoreError } from './store-error.ts'

export type BreakerState = StoreHealth['breaker']

/** ms: the longest delay of the first probe. Each failed probe doubles it, up to `MAX_DELAY`. */
const FIRST_DELAY = 250
const MAX_DELAY = 500
/** ms after which a closed breaker makes the give-backs that are owed, if no request comes before. */
const SETTLE_AFTER = 250
/** ms: a breaker that opens again within this time continues with the delay that it had. */
const STABLE_AFTER = 10_000
/** ms after which a probe has been due for so long that the outage may be over: without requests, nothing has probed. */
const OVERDUE = 5_000
/** ms after its deadline until an answer is lost, where I/O ends with the request that sent it. */
const LOST_AFTER = 1_000

/**
 * The circuit breaker of one shard. Closed, requests go to the store. Open, they do not. A timer makes it half-open: one probe reads
 * from the store. If the store answers in time, the deficit is charged and the breaker closes. Otherwise it opens again.
 */
export class CircuitBreaker {
  state: BreakerState = 'closed'
  /** ms, monotonic: when this outage began; `undefined` while closed. */
  openSince: number | undefined
  /** The last charge that failed: a probe reads its state. */
  sample: Charge | undefined
  /** Why the last batch failed, in the store's own words; `undefined` when the breaker has closed. */
  cause: string | undefined
  private readonly context: FailoverContext
  private readonly reconciliation: Reconciliation
  private readonly onChange: (from: BreakerState, to: BreakerState) => void
  private readonly failures = new FailureCount()
  private lastBatch: number | undefined
  private probes = 0
  private closedAt = -Infinity
  /** The store answers reads but refuses writes, so only a write proves that it is back. */
  private needsWrite = false
  /** If there is no deficit to charge, one request is sent as that write. */
  private trial: 'none' | 'awaited' | 'running' = 'none'
  private isStopped = false
  /** Whether the timer is that of `settleSoon`. */
  private isSettling = false
  /** Its timer is that of the next probe, or of `settleSoon`. */
  private readonly background: Background

  constructor(context: FailoverContext, reconciliation: Reconciliation, onChange: (from: BreakerState, to: BreakerState) => void) {
    this.context = context
    this.reconciliation = reconciliation
    this.onChange = onChange
    this.background = new Background(context.settings.clock, context.settings.waitUntil)
  }

  /** Whether no request may go to the store. */
  get isBlocking(): boolean {
    return this.state !== 'closed' && this.trial !== 'awaited'
  }

  /** Whether a request may go to the store: always while closed, else only as a trial. */
  admits(charges: readonly Charge[], { how }: ConsumeOptions): boolean {
    if (this.state === 'closed') return true
    if (this.trial !== 'awaited' || how === 'peek' || !charges.every(isNewCharge)) return false
    this.trial = 'running'
    this.expectAnswer()
    return true
  }

  recordSuccess(): void {
    if (this.state !== 'closed') return
    this.failures.succeed()
    // A few failed batches leave a deficit without opening the breaker.
    if (this.reconciliation.hasDeficit) this.background.keep(this.reconciliation.settle())
  }

  /** One batch failed: with the store's error, or without one when its deadline passed. */
  recordFailure(error?: StoreError): void {
    this.cause = error === undefined ? this.lateness() : reasonOf(error)
    if (error?.refusal !== undefined) this.needsWrite = error.refusal !== 'starting'
    if (this.state === 'closed') this.countFailure(error)
    else if (this.trial === 'running') this.open()
  }

  /** Handles the answer to a trial. If the store wrote nothing, as for a refusal or a caller's error, another request is the next trial. */
  recordTrial(outcomes: readonly (Outcome | undefined)[]): void {
    if (this.trial !== 'running') return
    const hasWritten = outcomes.some((outcome) => outcome !== undefined && outcome.granted > 0)
    this.trial = 'none'
    if (hasWritten) this.background.keep(this.recover(true))
    else this.awaitTrial()
  }

  /** A few late or failed batches leave the breaker closed, so that no probe makes the give-backs that they owe. */
  settleSoon(): void {
    if (this.isSettling || this.isStopped || this.state !== 'closed' || !this.reconciliation.owes) return
    this.isSettling = true
    const settle = async (): Promise<void> => {
      this.isSettling = false
      if (this.state !== 'closed') return
      await this.reconciliation.settle()
      this.settleSoon()
    }
    this.background.set(SETTLE_AFTER, settle, true)
  }

  /** An open breaker probes now, for a caller that waits until the store is ready. */
  async probeNow(): Promise<void> {
    if (this.state !== 'open' || this.isStopped) return
    this.background.cancel()
    await this.probe()
  }

  /** Each request calls this where timers end with their request: it probes if it is time to. Returns a probe to wait for. */
  poll(): Promise<unknown> | undefined {
    const isOpen = this.state === 'open'
    const work = this.background.poll(OVERDUE)
    return isOpen ? work : undefined
  }

  stop(): void {
    this.isStopped = true
    this.background.cancel()
  }

  private countFailure(error: StoreError | undefined): void {
    // The store numbers its batches, so that one failed batch counts once, however many requests it carried.
    if (error === undefined || error.batch !== this.lastBatch) this.failures.fail()
    this.lastBatch = error?.batch
    // A refusal is certain, so one is enough.
    if (this.failures.isTooHigh || error?.refusal !== undefined) this.open()
  }

  private open(): void {
    if (this.isStopped) return
    const { clock } = this.context.settings
    const now = clock.monotonic()
    if (this.state === 'closed') {
      this.openSince = now
      if (now - this.closedAt > STABLE_AFTER) this.probes = 0
    }
    this.trial = 'none'
    this.isSettling = false
    this.move('open')
    this.background.set(this.probeDelay(), () => this.probe())
  }

  /** Random over half of the delay, so that many instances do not probe together. */
  private probeDelay(): number {
    const most = Math.min(MAX_DELAY, FIRST_DELAY * 2 ** Math.min(this.probes, 10))
    this.probes += 1
    return most * (0.5 + Math.random() / 2)
  }

  /** Half-open: one read, on the breaker's own timer, so that no request pays for it and a lost answer loses no charge. */
  private async probe(): Promise<void> {
    const { store } = this.context
    const { clock, deadline } = this.context.settings
    const { probes } = this
    this.move('half-open')
    this.expectAnswer()
    const sent = clock.monotonic()
    let error: unknown
    try {
      if (this.sample !== undefined) await store.consume([{ ...this.sample, cost: 0, receipt: undefined }], PEEK)
    } catch (thrown) {
      error = thrown
    }
    if (this.isStopped || this.probes !== probes) return
    // Any error but a StoreError is an answer of the store.
    if (isStoreError(error) || clock.monotonic() - sent > deadline) {
      this.cause = isStoreError(error) ? reasonOf(error) : this.lateness()
      this.open()
    } else await this.recover(false)
  }

  /** A request can end before the answer to what it sent. Then the breaker opens again. */
  private expectAnswer(): void {
    const { deadline, waitUntil } = this.context.settings
    if (waitUntil !== undefined) this.background.set(deadline + LOST_AFTER, () => this.open())
  }

  private async recover(hasWritten: boolean): Promise<void> {
    const { reconciliation } = this
    const before = reconciliation.written
    const isSettled = await reconciliation.settle()
    if (this.isStopped || this.state !== 'half-open') return
    if (!isSettled) this.open()
    else if (this.needsWrite && !hasWritten && reconciliation.written === before) this.awaitTrial()
    else this.close()
  }

  private awaitTrial(): void {
    this.background.cancel()
    this.trial = 'awaited'
  }

  /** Failures before the outage are forgotten: they say nothing about a store that is back. */
  private close(): void {
    this.background.cancel()
    this.needsWrite = false
    this.cause = undefined
    this.openSince = undefined
    this.closedAt = this.context.settings.clock.monotonic()
    this.failures.reset()
    this.move('closed')
  }

  private lateness(): string {
    return `no answer within the deadline of ${this.context.settings.deadline} ms`
  }

  private move(to: BreakerState): void {
    const from = this.state
    this.state = to
    if (from !== to) this.onChange(from, to)
  }
}

const PEEK: ConsumeOptions = Object.freeze({ how: 'peek' })

function isNewCharge({ cost, receipt }: Charge): boolean {
  return cost > 0 && receipt === undefined
}
