// What the tests of the failover layer share: a store that tests can cut off, stop or make refuse, and the layer over it.
import {
  type BlockChange,
  type Charge,
  type ConsumeOptions,
  fixedWindow,
  type Limit,
  memoryStore,
  type Outcome,
  type Store,
} from '@sluice/core'
import type { FailoverOptions, StoreError, StoreEvent, StoreRefusal } from '@sluice/core'
import { type FailoverParts, isPromise, stack } from '@sluice/core/store-kit'
import { type Admission, type FakeClock, fakeClock, type Refund } from '@sluice/testing'

export const TEN: Limit = fixedWindow({ name: 'ten', limit: 10, window: '1m' }).limit
export const HUNDRED: Limit = fixedWindow({ name: 'hundred', limit: 100, window: '1m' }).limit

export function charge(subject: string, limit: Limit = TEN, cost = 1): Charge {
  return { limit, scope: `p+${limit.name}.${limit.algorithm}`, subject, cost }
}

/** What the `StoreError` of a failed call says. */
export interface Failure {
  readonly unknown?: boolean
  readonly refusal?: StoreRefusal
  readonly shard?: string
  readonly batch?: number
}
interface Call {
  readonly charges: readonly Charge[]
  readonly options: ConsumeOptions
}

/** A store in memory, named `redis`, behind a connection that tests control. */
export interface RemoteStore extends Store {
  readonly calls: Call[]
  /** Every charge that was made there, also those whose answer was lost. */
  readonly charged: readonly Admission[]
  /** From now on, calls do nothing and reject. */
  fail(how: Failure | Error): void
  /** From now on, calls are done at once, and their answers wait for `deliver()`. */
  holdAnswers(): void
  /** From now on, calls are done only at `deliver()`. */
  holdCalls(): void
  /** Lets everything arrive that was held. */
  deliver(): void
  heal(): void
  /** Units in use there. */
  used(subject: string, limit?: Limit): number
}

interface Charged extends Admission {
  readonly receipt: Outcome['receipt']
  readonly refunds: Refund[]
}

let batches = 0
let orders = 0

export function storeError({ unknown = false, refusal, shard = 'redis', batch = ++batches }: Failure): StoreError {
  return Object.assign(new Error('away'), { code: 'ERR_STORE_UNAVAILABLE', unknown, refusal, shard, batch })
}

export function remoteStore(clock: FakeClock, shardOf: (charge: Charge) => string = () => 'redis'): RemoteStore {
  const memory = memoryStore({ clock })
  const calls: Call[] = []
  const charged: Charged[] = []
  const record = ({ limit, receipt }: Charge, { granted, at, receipt: given }: Outcome, how: ConsumeOptions['how']): void => {
    const order = (orders += 1)
    const until = limit.algorithm === 'concurrency' ? at + (limit.window as number) * 1000 : undefined
    if (granted > 0) charged.push({ at, order, units: granted, forced: how === 'force', until, receipt: given, refunds: [] })
    else if (granted < 0)
      charged.findLast((one) => one.receipt === receipt && one.refunds.length === 0)?.refunds.push({ at, order, units: -granted })
  }
  let mode: 'healthy' | 'answers held' | 'calls held' | Failure | Error = 'healthy'
  let held: (() => void)[] = []
  const hold = (): Promise<void> => new Promise((resolve) => held.push(resolve))
  const run = (charges: readonly Charge[], options: ConsumeOptions) =>
    (memory.consume(charges, options) as readonly Outcome[]).map((outcome, i) => {
      if (options.how !== 'peek') record(charges[i] as Charge, outcome, options.how)
      return { ...outcome, source: 'redis' }
    })
  return {
    name: 'redis',
    calls,
    charged,
    async consume(charges, options = {}) {
      calls.push({ charges, options })
      if (mode === 'answers held') {
        const outcomes = run(charges, options)
        await hold()
        return outcomes
      }
      if (mode === 'calls held') await hold()
      else if (mode !== 'healthy') throw mode instanceof Error ? mode : storeError(mode)
      return run(charges, options)
    },
    reset: (targets) => memory.reset(targets),
    async block(targets, ms) {
      if (mode !== 'healthy') throw mode instanceof Error ? mode : storeError(mode as Failure)
      return memory.block?.(targets, ms) as BlockChange
    },
    shardOf,
    fail: (how) => (mode = how),
    holdAnswers: () => (mode = 'answers held'),
    holdCalls: () => (mode = 'calls held'),
    deliver() {
      const arriving = held
      held = []
      for (const arrive of arriving) arrive()
    },
    heal() {
      mode = 'healthy'
    },
    used(subject, limit = TEN) {
      const [outcome] = memory.consume([charge(subject, limit)], { how: 'peek' }) as readonly Outcome[]
      return limit.limit - (outcome as Outcome).remaining
    },
  }
}

export interface Setup {
  readonly clock: FakeClock
  readonly inner: RemoteStore
  readonly store: Store
  readonly events: StoreEvent[]
}

export function setUp(options: FailoverOptions = { instances: 2 }, parts: FailoverParts = {}, shardOf?: (charge: Charge) => string): Setup {
  const clock = fakeClock()
  const inner = remoteStore(clock, shardOf)
  const store = stack(inner, { failover: options, denyCache: false }, { clock, ...parts })
  const events: StoreEvent[] = []
  store.subscribe?.((event) => events.push(event))
  return { clock, inner, store, events }
}

export async function consumeOne(store: Store, one: Charge, options?: ConsumeOptions): Promise<Outcome> {
  const [outcome] = await store.consume([one], options)
  return outcome as Outcome
}

/** Lets the deadline pass before the outcome. */
export async function consumeLate({ clock, store }: Setup, one: Charge, options?: ConsumeOptions): Promise<Outcome> {
  const answer = consumeOne(store, one, options)
  clock.advance(60)
  return await answer
}

/** The outcome if it is there at once. */
export function consumeNow(store: Store, one: Charge, options?: ConsumeOptions): Outcome | undefined {
  const answer = store.consume([one], options)
  return isPromise(answer) ? undefined : answer[0]
}

/** Lets everything go on that waits for a promise. */
export async function flushPromises(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve()
}

/** Time passes in small steps, as it does: what was sent is answered before the clock has moved far. */
export async function passTime(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 25) {
    clock.advance(25)
    await flushPromises()
  }
}

/** Opens the breaker by three failed batches. */
export async function openBreaker({ clock, inner, store }: Pick<Setup, 'clock' | 'inner' | 'store'>, how: Failure = {}): Promise<void> {
  inner.fail(how)
  for (let i = 0; i < 3; i++) {
    await consumeOne(store, charge(`opener${i}`))
    clock.advance(1)
  }
}

/** The store works again, and the next probe finds it so. */
export async function healAndWait({ clock, inner }: Pick<Setup, 'clock' | 'inner'>): Promise<void> {
  inner.heal()
  await passTime(clock, 6_000)
}

/** Until the store is called again: by a probe. */
export async function waitForProbe({ clock, inner }: Pick<Setup, 'clock' | 'inner'>): Promise<void> {
  for (const before = inner.calls.length; inner.calls.length === before;) await passTime(clock, 25)
}
