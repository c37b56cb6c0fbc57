import type { Clock } from '../../clock.ts'
import type { Charge, Outcome, Store, StoreHealth, StoreRefusal } from '../../store.ts'
import { Breaker } from './breaker.ts'
import { Ledger, type Taken } from './ledger.ts'
import { isStoreError } from './store-error.ts'

type State = StoreHealth['breaker']

/** What a shard needs of the layer. */
export interface ShardHost {
  readonly store: Store
  readonly clock: Required<Clock>
  readonly deadline: number
  readonly maxSubjects: number
  isClosed(): boolean
  /** Units of this process's share that the local tier lacks now. */
  lacks(of: Omit<Taken, 'units'>): number
  changed(shard: Shard, from: State, to: State): void
  /** What was owed of so many subjects may have been charged, and is not tried again. */
  lost(subjects: number, cause: Error): void
}

/** Charges in flight at a time when what is owed is charged: two commands. */
const SETTLE_BATCH = 128

/** What fails together: its breaker, the looks that close it, and what is owed to it. */
export class Shard {
  readonly name: string
  readonly ledger: Ledger
  /** ms, monotonic, of the first failure of this outage; `undefined` while there is none. */
  awaySince: number | undefined
  /** Any charge of late: a look asks about it. */
  sample: Charge | undefined
  private readonly host: ShardHost
  private readonly breaker = new Breaker()
  /** After an answer that only writes get, a look proves nothing: what is owed has to be charged first, or, for want of that, one request. */
  private trial: 'no' | 'wanted' | 'running' = 'no'
  private needsTrial = false
  private hasWritten = false
  private lastFailed: number | undefined
  private settling: Promise<boolean> | undefined
  private cancel: () => void = () => undefined

  constructor(name: string, host: ShardHost) {
    this.name = name
    this.host = host
    this.ledger = new Ledger(host.maxSubjects)
  }

  get state(): State {
    return this.breaker.state
  }

  /** Whether this may be sent: always while it is closed; else one request may try. */
  admits(charges: readonly Charge[], how: string | undefined): boolean {
    if (this.state === 'closed') return true
    if (this.trial !== 'wanted' || how === 'peek' || !charges.every(({ cost, receipt }) => cost > 0 && receipt === undefined)) return false
    this.trial = 'running'
    return true
  }

  /** A command failed. Of one number, once: requests of several turns can wait for the same. */
  failed(batch?: number): void {
    if (this.state !== 'closed') {
      if (this.trial === 'running') this.open()
      return
    }
    if (batch !== undefined && batch === this.lastFailed) return
    this.lastFailed = batch
    if (this.breaker.failed()) this.open()
  }

  /** The server said that it can not: no need to ask it twice. */
  refused(refusal: StoreRefusal | undefined): void {
    if (refusal === undefined) return
    this.needsTrial = refusal !== 'starting'
    if (this.state === 'closed') this.open()
  }

  succeeded(): void {
    if (this.state !== 'closed') return
    this.breaker.succeeded()
    if (this.ledger.size > 0) void this.settle()
  }

  /** An answer came while one request was trying: a refusal or a caller's error wrote nothing, so another has to try. */
  tried(outcomes: readonly (Outcome | undefined)[]): void {
    if (this.trial !== 'running') return
    this.hasWritten = outcomes.some((outcome) => outcome !== undefined && outcome.granted > 0)
    this.trial = this.hasWritten ? 'no' : 'wanted'
    if (this.hasWritten) void this.recover()
  }

  /** Charges what is owed to a store that is there; whether it was there for all of it. */
  settle(): Promise<boolean> {
    this.settling ??= this.settleAll().finally(() => (this.settling = undefined))
    return this.settling
  }

  close(): void {
    this.cancel()
  }

  private open(): void {
    const { host } = this
    // What still fails then tells nobody, and leaves no timer.
    if (host.isClosed()) return
    const now = host.clock.monotonic()
    if (this.state === 'closed') this.awaySince = now
    this.trial = 'no'
    this.cancel()
    this.move('open', now)
    this.cancel = host.clock.after(this.breaker.delay(Math.random()), () => void this.look())
  }

  /** One look, on one timer, however many requests there are. It writes nothing, so nothing is lost when it is. */
  private async look(): Promise<void> {
    const { host, sample } = this
    const asked = host.clock.monotonic()
    this.move('half-open', asked)
    let failure: unknown
    try {
      if (sample !== undefined) await host.store.consume([{ ...sample, cost: 0, receipt: undefined }], { how: 'peek' })
    } catch (error) {
      failure = error
    }
    if (host.isClosed()) return
    // Any other error is an answer.
    if (isStoreError(failure) || host.clock.monotonic() - asked > host.deadline) return this.open()
    this.hasWritten = false
    await this.recover()
  }

  private async settleAll(): Promise<boolean> {
    // As many rounds as it takes for what is owed now: what is added meanwhile is for the next time.
    for (let rounds = Math.ceil(this.ledger.size / SETTLE_BATCH); rounds > 0; rounds--) {
      if (!(await this.charge(this.ledger.take(SETTLE_BATCH)))) return false
    }
    return true
  }

  private async recover(): Promise<void> {
    const isSettled = await this.settle()
    if (this.host.isClosed() || this.state !== 'half-open') return
    if (!isSettled) return this.open()
    if (this.needsTrial && !this.hasWritten) {
      this.trial = 'wanted'
      return
    }
    this.needsTrial = false
    this.awaySince = undefined
    this.move('closed', this.host.clock.monotonic())
  }

  /** Each once: whether the store was there for all of them. What surely was not charged is owed still. */
  private async charge(owed: readonly Taken[]): Promise<boolean> {
    const failures = await Promise.all(owed.map((taken) => this.failureOf(taken)))
    const lost = failures.filter((error) => error !== undefined && !isUndone(error))
    if (lost.length > 0) this.host.lost(lost.length, lost[0] as Error)
    return !failures.some((error) => isStoreError(error))
  }

  private async failureOf({ limit, scope, subject, units }: Taken): Promise<unknown> {
    const charge = { limit, scope, subject, cost: Math.min(units, this.host.lacks({ limit, scope, subject })) }
    if (charge.cost <= 0) return undefined
    try {
      const [outcome] = await this.host.store.consume([charge], { how: 'force' })
      this.hasWritten ||= (outcome?.granted ?? 0) > 0
      return undefined
    } catch (error) {
      if (isUndone(error)) this.ledger.add(charge, charge.cost)
      return error
    }
  }

  private move(to: State, now: number): void {
    const from = this.state
    if (to === 'open') this.breaker.open(now)
    else if (to === 'closed') this.breaker.close(now)
    else this.breaker.state = to
    if (from !== to) this.host.changed(this, from, to)
  }
}

function isUndone(error: unknown): boolean {
  return isStoreError(error) && !error.unknown
}
