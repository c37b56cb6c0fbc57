import { type Outcome, systemClock } from '@sluice/core'
import { algorithmOf, decide } from '@sluice/core/algorithms'
import { blockAnswers, decideWithLeases, type LeaseLedger, readLeases } from '@sluice/core/store-kit'
import { Blocks } from './blocks.ts'
import { type ObjectAnswer, type ObjectRequest, type ObjectState, type ObjectStorage, runtime } from './runtime.ts'
import { ledgerKeyOf, rowKeyOf, StateTable } from './state-table.ts'
import { encodeAnswers, type WireAnswer, type WireBatch, type WireDecision } from './wire.ts'

/** Steps of the sweep in one alarm, because requests wait while an alarm runs. */
const SWEEP_STEPS = 5
const SOURCE = 'durable-object'

/**
 * The Durable Object that keeps the states, on SQLite. Export the class from the Worker and bind it. It decides by core's algorithms,
 * keeps one row per state, and deletes expired states by alarm.
 * @example
 * ```ts
 * import { RateLimitObject } from '@sluice/cloudflare'
 *
 * // Deletes expired states after a minute, at the price of more alarms.
 * export class Limits extends RateLimitObject {
 *   override readonly keepExpired = 60_000
 * }
 * ```
 */
export class RateLimitObject {
  // Cloudflare's types recognise a Durable Object by this member.
  declare readonly __DURABLE_OBJECT_BRAND: never
  /**
   * How long a state stays after it has expired, in ms; the alarm runs at most once in that time. Default 600,000. Less deletes sooner
   * and costs more alarms.
   */
  readonly keepExpired: number = 600_000
  private readonly storage: ObjectStorage
  private readonly states: StateTable
  private readonly blocks: Blocks
  /** When the alarm is due, in ms since the epoch; `undefined` if it is not set. */
  private alarmAt: number | undefined
  /** The progress of a sweep that takes more than one alarm: the last key, and the earliest expiry among the rows read so far. */
  private sweep = { after: '', earliest: Infinity }

  constructor(state: ObjectState, _env?: unknown) {
    this.storage = state.storage
    this.states = new StateTable(state.storage.sql)
    this.blocks = new Blocks(this.states)
    void state.blockConcurrencyWhile(async () => {
      this.alarmAt = (await state.storage.getAlarm()) ?? undefined
    })
  }

  /** Decides a batch that the store sent. */
  async fetch(request: ObjectRequest): Promise<ObjectAnswer> {
    const { now, decisions } = (await request.json()) as WireBatch
    const keys = await Promise.all(decisions.map(({ charges }) => Promise.all(charges.map(rowKeyOf))))
    // Nothing below awaits, so no other batch runs in between, and the runtime sends the answer only when all writes are on disk.
    const clockNow = systemClock.now()
    const at = now ?? Math.round(clockNow * 1000)
    const answers = decisions.map((decision, i) => this.answer(decision, keys[i] as string[], at, clockNow))
    return new runtime.Response(encodeAnswers(answers))
  }

  /** Sweeps the table in bounded steps, and sets the next alarm unless the table is empty. */
  async alarm(): Promise<void> {
    this.alarmAt = undefined
    const now = systemClock.now()
    let { after, earliest } = this.sweep
    for (let step = 0; step < SWEEP_STEPS; step++) {
      const swept = this.states.sweep(after, now - this.keepExpired)
      earliest = Math.min(earliest, swept.earliest)
      if (swept.last === undefined) {
        this.sweep = { after: '', earliest: Infinity }
        if (earliest < Infinity) this.setAlarm(Math.max(earliest, now) + this.keepExpired)
        return
      }
      after = swept.last
    }
    this.sweep = { after, earliest }
    this.setAlarm(now)
  }

  /** An error fails only its own decision, of which nothing is written. */
  private answer(decision: WireDecision, keys: readonly string[], at: number, clockNow: number): WireAnswer {
    try {
      return { outcomes: this.decide(decision, keys, at, clockNow) }
    } catch (error) {
      return { error: String(error) }
    }
  }

  /**
   * @param at µs since the epoch: the time of the decision
   * @param clockNow ms since the epoch by the object's clock, for expiry and alarms. A test's clock changes `at` only.
   */
  private decide(decision: WireDecision, keys: readonly string[], at: number, clockNow: number): readonly (Outcome | undefined)[] {
    const { how, atLeast, holder, lease, charges } = decision
    if (how === 'reset') {
      const before = keys.map((key) => this.states.read(key))
      // The ledger stays: its units are still on lease, and could be granted twice.
      for (const key of keys) this.states.remove(key)
      // A peek of what was there shows the store whether anything was counted.
      return decide(charges, keys, before, at, { how: 'peek', source: SOURCE }).outcomes
    }
    if (how === 'block') {
      const before = this.blocks.set(charges, keys, at, clockNow)
      this.scheduleSweep(clockNow + Math.max(0, ...charges.map(({ cost }) => cost)))
      return blockAnswers(before, at, SOURCE)
    }
    const blocked = this.blocks.refuse(charges, keys, { how }, at, SOURCE)
    if (blocked !== undefined) return blocked
    const leased = readLeases(charges, how, { lease })
    const current = keys.map((key) => this.states.read(key))
    const known = leased.leases.map((terms, i) => terms && (this.states.read(ledgerKeyOf(keys[i] as string)) as LeaseLedger | undefined))
    const options = { how, atLeast, holder, lease, source: SOURCE }
    const { outcomes, states, ledgers } = decideWithLeases(leased, keys, current, known, at, options)
    if (states?.some((state) => state !== undefined) !== true) return outcomes
    let earliest = Infinity
    this.storage.transactionSync(() => {
      for (const [i, state] of states.entries()) {
        if (state === undefined) continue
        const { limit } = charges[i] as WireDecision['charges'][number]
        const expires = clockNow + (outcomes[i]?.resetAfter ?? 0) + (algorithmOf(limit).keepFor?.(limit) ?? 0)
        this.states.write(keys[i] as string, state, expires)
        earliest = Math.min(earliest, expires)
        const ledger = ledgers[i]
        // The sweep of the state deletes the ledger as well, so it needs no alarm.
        if (ledger !== undefined) this.states.write(ledgerKeyOf(keys[i] as string), ledger, clockNow + Math.max(0, ledger[0] - at) / 1000)
      }
    })
    this.scheduleSweep(earliest)
    return outcomes
  }

  private scheduleSweep(expires: number): void {
    // A sweep in progress does not read a row that is written behind it.
    if (this.sweep.after !== '') this.sweep.earliest = Math.min(this.sweep.earliest, expires)
    const due = expires + this.keepExpired
    // Setting the alarm writes a row, so it is moved only if it would be late by more than `keepExpired`.
    if (this.alarmAt === undefined || this.alarmAt - due > this.keepExpired) this.setAlarm(due)
  }

  private setAlarm(time: number): void {
    this.alarmAt = time
    // Not awaited: the runtime holds the answer back until the write is on disk.
    void this.storage.setAlarm(time)
  }
}
