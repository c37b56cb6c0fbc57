// What the tests of the lease layer share: a store that grants what is asked for, and a subject that is hot on it.
import {
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
import { isPromise } from '@sluice/core/store-kit'
import { fakeClock } from '@sluice/testing'
import { beforeEach, expect } from 'vitest'

export const TTL = 250
// M = min(2 · 1,000 · 0.25, 100) = 100.
export const WIDE: Limit = tokenBucket({ name: 'wide', limit: 1_000, window: '1s' }).limit
export const WINDOW: Limit = fixedWindow({ name: 'window', limit: 10_000, window: '10s' }).limit

/** Begun anew for each test. */
export const lab = begun()
beforeEach(() => void Object.assign(lab, begun()))

function begun() {
  const clock = fakeClock()
  return {
    clock,
    asked: [] as { readonly charges: readonly Charge[]; readonly options: ConsumeOptions }[],
    /** The store itself: as another process uses it. */
    memory: memoryStore({ clock }),
    /** What the store's answer waits for. */
    answering: undefined as Promise<unknown> | undefined,
    fails: false,
    /** ms for which the process was stopped, its timers with it. */
    stopped: 0,
    change: (outcome: Outcome): Outcome => outcome,
  }
}

/** Leases without a ledger: the receipts are the memory store's. */
export function leasing(): Store {
  return {
    name: 'memory',
    async consume(charges, options = {}) {
      lab.asked.push({ charges, options })
      const outcomes = lab.memory.consume(charges, options) as readonly Outcome[]
      const { lease } = options
      if (lab.answering !== undefined) await lab.answering
      if (lab.fails) throw new Error('away')
      return outcomes.map((outcome, i) => {
        const limit = charges[i]?.limit as Limit
        const end = limit.algorithm === 'fixedWindow' ? outcome.resetAfter : Infinity
        const leaseFor = lease === undefined || outcome.granted <= 0 ? 0 : Math.min(lease.ttl, end)
        return lab.change({ ...outcome, leaseFor })
      })
    },
    reset: (targets) => lab.memory.reset(targets),
    health: () => ({ tier: 'memory', breaker: 'closed' }),
  }
}
export const charge = (limit: Limit = WIDE, cost = 1, more: Partial<Charge> = {}): Charge => ({
  limit,
  scope: `p/${limit.name}/${limit.algorithm}`,
  subject: 'a',
  cost,
  ...more,
})
export const isLease = ({ options }: (typeof lab.asked)[number]): boolean => options.lease !== undefined
export const requests = () => lab.asked.filter(isLease)
export const returns = () => lab.asked.filter(({ charges }) => charges.some(({ cost }) => cost < 0))
export const used = (limit: Limit = WIDE): number => {
  const [outcome] = lab.memory.consume([charge(limit, 0)], { how: 'peek' }) as readonly Outcome[]
  return limit.limit - (outcome as Outcome).remaining
}
/** Lets everything that is under way arrive. */
export const settle = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}
export async function took(store: Store, one: Charge = charge(), options?: ConsumeOptions): Promise<Outcome> {
  return (await store.consume([one], options))[0] as Outcome
}
/** Spent at once, or not at all. */
export function spent(store: Store, one: Charge = charge()): Outcome | undefined {
  const outcomes = store.consume([one])
  if (!isPromise(outcomes)) return outcomes[0]
  outcomes.catch(() => undefined)
  return undefined
}
/** A layer whose subject is hot, at 200 a second, and has a lease. */
export async function hot(limit: Limit = WIDE, options: object = {}): Promise<Store> {
  const own = { ...lab.clock, now: () => lab.clock.now() + lab.stopped, monotonic: () => lab.clock.monotonic() + lab.stopped }
  const store = leases(leasing(), { clock: own, ...options })
  for (let i = 0; i < 80; i++) {
    await took(store, charge(limit))
    lab.clock.advance(5)
  }
  await settle()
  expect(requests().length).toBeGreaterThan(0)
  return store
}
/** And with a fresh one, of 20 units or so. */
export async function fresh(limit: Limit = WIDE): Promise<Store> {
  const store = await hot(limit)
  while (spent(store, charge(limit)) !== undefined);
  await settle()
  await settle()
  expect(spent(store, charge(limit))?.source).toBe('lease')
  await settle()
  lab.asked.length = 0
  return store
}
