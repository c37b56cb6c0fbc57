import { type Charge, type ConsumeOptions, fixedWindow, type Limit, memoryStore, type Outcome, type Store } from '@sluice/core'
import { isPromise, stack } from '@sluice/core/store-kit'
import type { FailoverOptions, StoreError, StoreEvent, StoreRefusal } from '@sluice/core'
import type { FailoverParts } from '@sluice/core/store-kit'
import { type Admission, type FakeClock, fakeClock, type Refund } from '@sluice/testing'

export const TEN: Limit = fixedWindow({ name: 'ten', limit: 10, window: '1m' }).limit
export const HUNDRED: Limit = fixedWindow({ name: 'hundred', limit: 100, window: '1m' }).limit

export function charge(subject: string, limit: Limit = TEN, cost = 1): Charge {
  return { limit, scope: `p/${limit.name}/${limit.algorithm}`, subject, cost }
}

export interface Failure {
  readonly unknown?: boolean
  readonly refusal?: StoreRefusal
  readonly shard?: string
  readonly batch?: number
}
interface Asked {
  readonly charges: readonly Charge[]
  readonly options: ConsumeOptions
}

/** A store in memory that is asked over a wire that a test can cut, stop or make refuse. */
export interface Remote extends Store {
  readonly asked: Asked[]
  /** Every charge that was made there, whoever heard of it. */
  readonly made: readonly Admission[]
  /** From now on each call rejects so, having done nothing. */
  fail(how: Failure | Error): void
  /** From now on calls are done, and the answers wait; `late()` lets them come. */
  silence(): void
  /** From now on calls wait, and are done when `late()` lets them. */
  stall(): void
  late(): void
  heal(): void
  /** Units that are counted there. */
  used(subject: string, limit?: Limit): number
}

interface Made extends Admission {
  readonly receipt: Outcome['receipt']
  readonly refunds: Refund[]
}

let batches = 0
let orders = 0

export function storeError({ unknown = false, refusal, shard = 'redis', batch = ++batches }: Failure): StoreError {
  return Object.assign(new Error('away'), { code: 'ERR_STORE_UNAVAILABLE', unknown, refusal, shard, batch })
}

export function remote(clock: FakeClock, shardOf: (charge: Charge) => string = () => 'redis'): Remote {
  const memory = memoryStore({ clock })
  const asked: Asked[] = []
  const made: Made[] = []
  const record = ({ limit, receipt }: Charge, { granted, at, receipt: given }: Outcome, how: ConsumeOptions['how']): void => {
    const order = (orders += 1)
    const until = limit.algorithm === 'concurrency' ? at + (limit.window as number) * 1000 : undefined
    if (granted > 0) made.push({ at, order, units: granted, forced: how === 'force', until, receipt: given, refunds: [] })
    else if (granted < 0)
      made.findLast((one) => one.receipt === receipt && one.refunds.length === 0)?.refunds.push({ at, order, units: -granted })
  }
  let mode: 'well' | 'silent' | 'stalled' | Failure | Error = 'well'
  let held: (() => void)[] = []
  const held_ = (): Promise<void> => new Promise((resolve) => held.push(resolve))
  const run = (charges: readonly Charge[], options: ConsumeOptions) =>
    (memory.consume(charges, options) as readonly Outcome[]).map((outcome, i) => {
      if (options.how !== 'peek') record(charges[i] as Charge, outcome, options.how)
      return { ...outcome, source: 'redis' }
    })
  return {
    name: 'redis',
    asked,
    made,
    async consume(charges, options = {}) {
      asked.push({ charges, options })
      if (mode === 'silent') {
        const outcomes = run(charges, options)
        await held_()
        return outcomes
      }
      if (mode === 'stalled') await held_()
      else if (mode !== 'well') throw mode instanceof Error ? mode : storeError(mode)
      return run(charges, options)
    },
    reset: (targets) => memory.reset(targets),
    shardOf,
    fail: (how) => (mode = how),
    silence: () => (mode = 'silent'),
    stall: () => (mode = 'stalled'),
    late() {
      const waiting = held
      held = []
      for (const go of waiting) go()
    },
    heal() {
      mode = 'well'
    },
    used(subject, limit = TEN) {
      const [outcome] = memory.consume([charge(subject, limit)], { how: 'peek' }) as readonly Outcome[]
      return limit.limit - (outcome as Outcome).remaining
    },
  }
}

export interface Bench {
  readonly clock: FakeClock
  readonly inner: Remote
  readonly store: Store
  readonly events: StoreEvent[]
}

export function bench(options: FailoverOptions = { instances: 2 }, parts: FailoverParts = {}, shardOf?: (charge: Charge) => string): Bench {
  const clock = fakeClock()
  const inner = remote(clock, shardOf)
  const store = stack(inner, { failover: options, denyCache: false }, { clock, ...parts })
  const events: StoreEvent[] = []
  store.subscribe?.((event) => events.push(event))
  return { clock, inner, store, events }
}

export async function one(store: Store, asked: Charge, options?: ConsumeOptions): Promise<Outcome> {
  const [outcome] = await store.consume([asked], options)
  return outcome as Outcome
}

/** Asks, and lets the deadline pass. */
export async function late({ clock, store }: Bench, asked: Charge, options?: ConsumeOptions): Promise<Outcome> {
  const answer = one(store, asked, options)
  clock.advance(60)
  return await answer
}

/** Lets everything that waits for promises go on. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve()
}

/** Until a breaker is open: three commands that fail. */
export async function opened(one_: Bench, how: Failure = {}): Promise<void> {
  one_.inner.fail(how)
  for (let i = 0; i < 3; i++) {
    await one(one_.store, charge(`opener${i}`))
    one_.clock.advance(1)
  }
}

/** Redis is back, and the next look finds it so. */
export async function healed({ clock, inner }: Pick<Bench, 'clock' | 'inner'>): Promise<void> {
  inner.heal()
  await passing(clock, 6_000)
}

/** Time goes on as it does: what was asked is answered before the clock has moved far. */
export async function passing(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 25) {
    clock.advance(25)
    await settled()
  }
}

/** Until the store has been asked again: a look. */
export async function looked({ clock, inner }: Pick<Bench, 'clock' | 'inner'>): Promise<void> {
  for (const before = inner.asked.length; inner.asked.length === before;) await passing(clock, 25)
}

/** The outcome, if it was there at once. */
export function atOnce(store: Store, asked: Charge, options?: ConsumeOptions): Outcome | undefined {
  const answer = store.consume([asked], options)
  return isPromise(answer) ? undefined : answer[0]
}
