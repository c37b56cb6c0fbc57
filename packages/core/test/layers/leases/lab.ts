// What the tests of the lease layer share: a store that grants what is requested, and a subject that is hot on it.
import {
  type BlockChange,
  type Charge,
  type ConsumeOptions,
  fixedWindow,
  leases,
  type Limit,
  memoryStore,
  type Outcome,
  type Store,
  tokenBucket,
} from '@sluice/core'
import { isPromise, leaseOfSpent } from '@sluice/core/store-kit'
import { fakeClock } from '@sluice/testing'
import { beforeEach, expect } from 'vitest'

export const TTL = 250
// M = min(2 · 1,000 · 0.25, 100) = 100.
export const WIDE: Limit = tokenBucket({ name: 'wide', limit: 1_000, window: '1s' }).limit
export const WINDOW: Limit = fixedWindow({ name: 'window', limit: 10_000, window: '10s' }).limit

/** New for each test. */
export const lab = newLab()
beforeEach(() => void Object.assign(lab, newLab()))

function newLab() {
  const clock = fakeClock()
  return {
    clock,
    calls: [] as { readonly charges: readonly Charge[]; readonly options: ConsumeOptions }[],
    /** The store itself, as another process uses it. */
    memory: memoryStore({ clock }),
    /** The store answers when this is resolved. */
    answerAfter: undefined as Promise<unknown> | undefined,
    fails: false,
    /** ms for which the process and its timers were suspended. */
    suspendedFor: 0,
    change: (outcome: Outcome): Outcome => outcome,
  }
}

/** The memory store, which grants leases here. Their units are not accounted, and their receipts are those of plain charges. */
export function leasingStore(): Store {
  return {
    name: 'memory',
    async consume(charges, options = {}) {
      lab.calls.push({ charges, options })
      const plain = charges.map((one) => ({ ...one, receipt: leaseOfSpent(one.receipt) ?? one.receipt }))
      const outcomes = lab.memory.consume(plain, options) as readonly Outcome[]
      const { lease } = options
      if (lab.answerAfter !== undefined) await lab.answerAfter
      if (lab.fails) throw new Error('away')
      return outcomes.map((outcome, i) => {
        const limit = charges[i]?.limit as Limit
        const end = limit.algorithm === 'fixedWindow' ? outcome.resetAfter : Infinity
        const leaseFor = lease === undefined || outcome.granted <= 0 ? 0 : Math.min(lease.ttl, end)
        return lab.change({ ...outcome, leaseFor })
      })
    },
    reset: (targets) => lab.memory.reset(targets),
    block: (targets, ms) => lab.memory.block?.(targets, ms) as BlockChange,
    health: () => ({ tier: 'memory', breaker: 'closed' }),
  }
}
export const charge = (limit: Limit = WIDE, cost = 1, more: Partial<Charge> = {}): Charge => ({
  limit,
  scope: `p+${limit.name}.${limit.algorithm}`,
  subject: 'a',
  cost,
  ...more,
})
export const isLeaseRequest = ({ options }: (typeof lab.calls)[number]): boolean => options.lease !== undefined
export const requests = () => lab.calls.filter(isLeaseRequest)
export const returns = () => lab.calls.filter(({ charges }) => charges.some(({ cost }) => cost < 0))
export const used = (limit: Limit = WIDE): number => {
  const [outcome] = lab.memory.consume([charge(limit, 0)], { how: 'peek' }) as readonly Outcome[]
  return limit.limit - (outcome as Outcome).remaining
}
/** Lets everything arrive that is under way. */
export const flushPromises = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}
export async function consumeOne(store: Store, one: Charge = charge(), options?: ConsumeOptions): Promise<Outcome> {
  return (await store.consume([one], options))[0] as Outcome
}
/** The outcome if it is there at once, from a lease. */
export function spendNow(store: Store, one: Charge = charge()): Outcome | undefined {
  const outcomes = store.consume([one])
  if (!isPromise(outcomes)) return outcomes[0]
  outcomes.catch(() => undefined)
  return undefined
}
/** The layer, with a subject that is hot, at 200 decisions a second, and has a lease. */
export async function hotStore(limit: Limit = WIDE, options: object = {}): Promise<Store> {
  const own = { ...lab.clock, now: () => lab.clock.now() + lab.suspendedFor, monotonic: () => lab.clock.monotonic() + lab.suspendedFor }
  const store = leases(leasingStore(), { clock: own, ...options })
  for (let i = 0; i < 80; i++) {
    await consumeOne(store, charge(limit))
    lab.clock.advance(5)
  }
  await flushPromises()
  expect(requests().length).toBeGreaterThan(0)
  return store
}
/** As `hotStore`, with a new lease of about 20 units. */
export async function leasedStore(limit: Limit = WIDE): Promise<Store> {
  const store = await hotStore(limit)
  while (spendNow(store, charge(limit)) !== undefined);
  await flushPromises()
  await flushPromises()
  expect(spendNow(store, charge(limit))?.source).toBe('lease')
  await flushPromises()
  lab.calls.length = 0
  return store
}
