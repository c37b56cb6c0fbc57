import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { type Charge, concurrency, type ConsumeOptions, fixedWindow, leakyBucket, type Limit, type Outcome, slidingLog } from '@sluice/core'
import { slidingWindow, type Store, type StoreEvent, tokenBucket } from '@sluice/core'
import { redisStore, type RedisSource, type RedisStoreOptions } from '@sluice/redis'
import { type TtlRules, ttlViolations } from '@sluice/testing/redis'
import type { Redis } from 'ioredis'
import { afterEach, expect } from 'vitest'
import { Keys } from '../src/keys.ts'
import type { Numbers } from '../src/state/codec.ts'
import { EntryList } from '../src/state/entries.ts'

/** One limit of each algorithm, each of 10 units. */
export const SIX: readonly Limit[] = [
  fixedWindow({ name: 'fixed', limit: 10, window: '1m', anchor: 'first' }).limit,
  slidingWindow({ name: 'sliding', limit: 10, window: '1m' }).limit,
  slidingLog({ name: 'log', limit: 10, window: '1m' }).limit,
  tokenBucket({ name: 'token', limit: 10, window: '1m' }).limit,
  leakyBucket({ name: 'leaky', limit: 10, window: '1m' }).limit,
  concurrency({ name: 'concurrency', limit: 10, ttl: '1m' }).limit,
]

/** The store without its layers. A decision that Redis cannot make rejects. */
export function rawStore(source: RedisSource, options: RedisStoreOptions = {}): Store {
  return redisStore(source, { failover: false, denyCache: false, ...options })
}

/** A limit whose window begins with the first charge, so that no window ends during a test. */
export const TEN: Limit = SIX[0] as Limit

export function charge(subject: string, limit: Limit = TEN, cost = 1): Charge {
  return { limit, scope: `p+${limit.name}.${limit.algorithm}`, subject, cost }
}

export async function take(store: Store, charges: Charge | readonly Charge[], options?: ConsumeOptions): Promise<readonly Outcome[]> {
  return (await store.consume(Array.isArray(charges) ? charges : [charges as Charge], options)) as readonly Outcome[]
}

export async function took(store: Store, one: Charge): Promise<Outcome> {
  return (await take(store, one))[0] as Outcome
}

/**
 * Call it once in a file. It registers a hook after each test, and returns a function that keeps a store until then.
 * @param afterwards what to do when all stores are closed
 */
export function keptForTest(afterwards?: () => unknown): <T extends Store>(store: T) => T {
  const open: Store[] = []
  afterEach(async () => {
    await Promise.all(open.splice(0).map((store) => store.close?.()))
    await afterwards?.()
  })
  return (store) => {
    open.push(store)
    return store
  }
}

/** Makes a store that counts as one of another process. */
export function asAnotherProcess<T>(make: () => T): T {
  const shared = globalThis as { [key: symbol]: unknown }
  const key = Symbol.for('sluice.redis.process')
  const own = shared[key]
  delete shared[key]
  try {
    return make()
  } finally {
    shared[key] = own
  }
}

/** The units that count now. */
export async function used(store: Store, subject: string, limit: Limit = TEN): Promise<number> {
  const [outcome] = await take(store, charge(subject, limit), { how: 'peek' })
  return limit.limit - (outcome as Outcome).remaining
}

/** The events of a store, from now on. */
export function eventsOf(store: Store): StoreEvent[] {
  const events: StoreEvent[] = []
  store.subscribe?.((event) => events.push(event))
  return events
}

export function keyOf(one: Charge, prefix = 'sluice', partitions = 16): string {
  return new Keys(prefix, partitions).keyOf(one)
}

/** The numbers of the state of a charge, as Redis has them; `undefined` if there are none. `suffix`: of the key. */
export async function entryOf(client: Pick<Redis, 'getBuffer'>, one: Charge, prefix?: string, suffix = ''): Promise<Numbers | undefined> {
  const value = await client.getBuffer(`${keyOf(one, prefix)}${suffix}`)
  return new EntryList(value).get(new Keys('sluice', 16).placementOf(one).id)
}

/** The error with which a promise rejects; an empty object if it resolves. */
export async function failure(
  promise: unknown,
): Promise<{ code?: string; unknown?: boolean; answer?: string; batch?: number; message?: string; shard?: string }> {
  try {
    await promise
    return {}
  } catch (error) {
    return error as Error
  }
}

/**
 * Settles as the promise does, or rejects with the code `LATE` if a timer of `ms` fires before. A measured time would also count how long
 * this process waited for a CPU. Timers fire in the order in which they are due, and this one is set after those of the store.
 */
export async function settlesIn<T>(ms: number, promise: T | Promise<T>): Promise<T> {
  const settled = Promise.resolve(promise)
  settled.catch(() => undefined)
  // The store sends at the end of the turn, and sets the timer of the deadline 1 ms later.
  await turn()
  await sleep(2)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error(`Expected a settled promise within ${ms} ms`), { code: 'LATE' })), ms)
  })
  return await Promise.race([settled, late]).finally(() => clearTimeout(timer))
}

/** Resolves when the replicas of a primary have everything that the primary did before the call. The key must belong to the primary. */
export async function replicated(primary: Redis, replicas: number, key = 'replicated'): Promise<void> {
  await primary.set(key, '1', 'PX', 60_000)
  expect(await primary.wait(replicas, 30_000)).toBe(replicas)
}

/** The load of a failover test: one request at a time for each subject. */
export interface Load {
  /** How many decisions of the subject were admitted and answered so far. */
  admitted(subject: string): number
  /** The codes of all failures so far. */
  readonly failures: ReadonlySet<unknown>
  stop(): Promise<void>
}

/** `patience`: ms within which a decision settles. A later one fails with the code `LATE`. */
export function startLoad(
  store: Store,
  subjects: readonly string[],
  limit: Limit,
  { pause, patience }: { readonly pause: number; readonly patience: number },
): Load {
  const counts = new Map<string, number>()
  const failures = new Set<unknown>()
  let running = true
  const loops = subjects.map(async (subject) => {
    while (running) {
      const answer = settlesIn(patience, took(store, charge(subject, limit)))
      const outcome = await answer.catch((error: { code?: string }) => void failures.add(error.code))
      if (outcome?.allowed === true) counts.set(subject, (counts.get(subject) ?? 0) + 1)
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  })
  return {
    admitted: (subject) => counts.get(subject) ?? 0,
    failures,
    async stop() {
      running = false
      await Promise.all(loops)
    },
  }
}

const DAY = 86_400_000
/** Under a clock for tests, every key lives for at least a minute. */
const LEAST = 60_000
const ENTRY = 28

/** The latest time (ms) until which an entry of a value counts. */
function latestOf(value: Buffer): number {
  let latest = 0
  for (let at = 0; at + ENTRY <= value.length; at += ENTRY) latest = Math.max(latest, value.readDoubleBE(at + 4))
  return Math.floor(latest / 1000) + 1
}

/**
 * The longest time, in ms, that a key of this name may live. A value ends with its latest entry, by the clock that it was written by. The
 * keys of holders contain no time, so theirs is the longest of any limit. `now` is undefined under a clock for tests.
 */
function bound(key: string, value: Buffer | null, fields: Readonly<Record<string, Buffer>>, now: number | undefined): number {
  const [, kind, length] = /\+[^:]*\.(sl|cc|fw|sw)([^:]*):/.exec(key) ?? []
  if (kind === 'sl') return Number.parseInt(length ?? '', 10) * (length?.endsWith('ms') === true ? 1 : 1_000) + LEAST
  if (kind === 'fw' || kind === 'sw') return Math.max(LEAST, 2 * Number.parseInt(length ?? '', 10) + 10_000, longestBlock(fields, now))
  if (kind === 'cc') return 366 * DAY
  if (key.endsWith(':instances')) return 15_000
  if (now === undefined) return 2 ** 52 / 1000
  return value === null ? 0 : Math.max(LEAST, latestOf(value) - now)
}

/** How long, in ms, the longest block in a bucket of packed states lasts, with a second of slack. Any time under a clock for tests. */
function longestBlock(fields: Readonly<Record<string, Buffer>>, now: number | undefined): number {
  const ends = Object.entries(fields).flatMap(([name, value]) => (name.startsWith('!') ? [Number(value) / 1000] : []))
  if (ends.length === 0) return 0
  return now === undefined ? 2 ** 52 / 1000 : Math.max(...ends) - now + 1_000
}

/** Checks after each test that every key of a store expires, and no later than it may. */
export function scanAfterEach(
  client: () => Parameters<typeof ttlViolations>[0],
  flush?: () => Promise<unknown>,
  { hasTestClock = false }: { readonly hasTestClock?: boolean } = {},
): void {
  afterEach(async () => {
    // Before the scan, since the keys grow older during it.
    const now = hasTestClock ? undefined : Date.now()
    const rules: TtlRules = {
      bound: (key, value, fields) => bound(key, value, fields, now),
      ignore: (key: string) => key.endsWith(':{meta}') || key.includes(':{meta}:generation:'),
    }
    expect((await ttlViolations(client(), rules)).slice(0, 10)).toEqual([])
    await flush?.()
  })
}
