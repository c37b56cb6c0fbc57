import { systemClock } from '@sluice/core'
import { decide } from '@sluice/core/algorithms'
import { type ObjectAnswer, type ObjectRequest, type ObjectState, type ObjectStorage, runtime } from './runtime.ts'
import { keyOf, States } from './states.ts'
import { encodeAnswers, type WireAnswer, type WireBatch, type WireDecision } from './wire.ts'

/** Steps of the sweep in one alarm: requests wait meanwhile. */
const STEPS = 5

/**
 * The Durable Object, on SQLite: export it from the Worker, and bind it. It decides by core's own algorithms, keeps a row for
 * each state, and deletes by alarm what has expired.
 */
export class RateLimitObject {
  // What Cloudflare's types know a Durable Object by.
  declare readonly __DURABLE_OBJECT_BRAND: never
  /** ms for which a state that has expired stays; the alarm comes at most once in that time. Shorter deletes sooner and costs more alarms. */
  readonly keepExpired: number = 600_000
  private readonly storage: ObjectStorage
  private readonly states: States
  /** ms: when the alarm is due. */
  private armed: number | undefined
  /** Where a sweep that took more than one alarm goes on, and what it knows so far. */
  private swept = { after: '', earliest: Infinity }

  constructor(state: ObjectState, _env?: unknown) {
    this.storage = state.storage
    this.states = new States(state.storage.sql)
    void state.blockConcurrencyWhile(async () => {
      this.armed = (await state.storage.getAlarm()) ?? undefined
    })
  }

  /** Decides a batch of the store. */
  async fetch(request: ObjectRequest): Promise<ObjectAnswer> {
    const { now, decisions } = (await request.json()) as WireBatch
    const keys = await Promise.all(decisions.map(({ charges }) => Promise.all(charges.map(keyOf))))
    // From here on nothing is awaited: no other batch comes between, and the answer leaves when all is on disk.
    const own = systemClock.now()
    const at = now ?? Math.round(own * 1000)
    const answers = decisions.map((decision, i) => this.answer(decision, keys[i] as string[], at, own))
    return new runtime.Response(encodeAnswers(answers))
  }

  /** Deletes what expired long enough ago, in bounded steps, and comes again while there is something. */
  async alarm(): Promise<void> {
    this.armed = undefined
    const now = systemClock.now()
    let { after, earliest } = this.swept
    for (let step = 0; step < STEPS; step++) {
      const { last, earliest: found } = this.states.sweep(after, now - this.keepExpired)
      earliest = Math.min(earliest, found)
      if (last === undefined) {
        this.swept = { after: '', earliest: Infinity }
        if (earliest < Infinity) this.arm(Math.max(earliest, now) + this.keepExpired)
        return
      }
      after = last
    }
    this.swept = { after, earliest }
    this.arm(now)
  }

  /** An error spoils its own decision only: nothing of that one is written. */
  private answer(decision: WireDecision, keys: readonly string[], at: number, own: number): WireAnswer {
    try {
      return { outcomes: this.decide(decision, keys, at, own) }
    } catch (error) {
      return { error: String(error) }
    }
  }

  private decide({ how, atLeast, holder, charges }: WireDecision, keys: readonly string[], at: number, own: number): Outcomes {
    if (how === 'reset') {
      for (const key of keys) this.states.remove(key)
      return []
    }
    const met = keys.map((key) => this.states.read(key))
    const { outcomes, states } = decide(charges, keys, met, at, { how, atLeast, holder, source: 'durable-object' })
    if (states?.some((state) => state !== undefined) !== true) return outcomes
    let earliest = Infinity
    this.storage.transactionSync(() => {
      for (const [i, state] of states.entries()) {
        if (state === undefined) continue
        // Never by a clock for tests: the alarm goes by the object's own.
        const expires = own + (outcomes[i]?.resetAfter ?? 0)
        this.states.write(keys[i] as string, state, expires)
        earliest = Math.min(earliest, expires)
      }
    })
    // Behind a sweep that is still under way.
    if (this.swept.after !== '') this.swept.earliest = Math.min(this.swept.earliest, earliest)
    const due = earliest + this.keepExpired
    // Sooner by a little is not worth another row.
    if (this.armed === undefined || this.armed - due > this.keepExpired) this.arm(due)
    return outcomes
  }

  private arm(time: number): void {
    this.armed = time
    // Not awaited: the answer waits for it, as for every write.
    void this.storage.setAlarm(time)
  }
}

type Outcomes = Extract<WireAnswer, { readonly outcomes: unknown }>['outcomes']
