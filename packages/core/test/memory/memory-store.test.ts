import { setTimeout as realTimeout } from 'node:timers'
import {
  type Charge,
  fixedWindow,
  type Limit,
  memoryStore,
  type MemoryStoreOptions,
  type Outcome,
  slidingWindow,
  type Store,
  type StoreEvent,
  tokenBucket,
} from '@sluice/core'
import { afterEach, describe, expect, it, vi } from 'vitest'

const START = 1_700_000_000_000
const MINUTE = 60_000
const limit = fixedWindow({ name: 'a', limit: 10, window: '1m', anchor: 'first' }).limit

function make(options: MemoryStoreOptions = {}) {
  const clock = { ms: START, now: () => clock.ms }
  const store = memoryStore({ clock, ...options })
  const consume = (subject: string, cost = 1, over: Partial<Charge> = {}) =>
    store.consume([{ limit, scope: 'p+a.fixedWindow', subject, cost, ...over }]) as readonly [Outcome]
  const left = (subject: string, over: Partial<Charge> = {}) =>
    (store.consume([{ limit, scope: 'p+a.fixedWindow', subject, cost: 0, ...over }], { how: 'peek' }) as readonly [Outcome])[0].remaining
  return { clock, store, consume, left }
}
const flood = (from: number, to: number, visit: (subject: string) => void) => {
  for (let i = from; i < to; i++) visit(`flood:${i}`)
}

describe('memory is bounded', () => {
  it('trap: a Map that is never cleared: requests remove expired states in small steps, after 60 s of grace', () => {
    const { clock, consume, store } = make({ maxSubjects: 10_000 })
    flood(0, 5_000, (subject) => consume(subject))
    clock.ms += MINUTE + 60_000
    // Each charge examines two slots. A charge of nothing adds no state.
    for (let i = 0; i < 2_500; i++) consume('hot', 0)
    expect(sizeOf(store)).toBe(0)
  })

  it('examines a bounded number of slots per request', () => {
    const { clock, consume, store } = make({ maxSubjects: 10_000 })
    flood(0, 5_000, (subject) => consume(subject))
    clock.ms += MINUTE + 60_000
    consume('hot', 0)
    expect(sizeOf(store)).toBe(4_998)
  })

  it('keeps an expired state for a minute, so that a clock that steps back finds it', () => {
    const { clock, consume, left } = make()
    consume('u', 10)
    clock.ms += MINUTE + 59_999
    for (let i = 0; i < 10; i++) consume('other', 0)
    clock.ms -= 60_000
    expect(left('u')).toBe(0)
  })

  it('never keeps more than maxSubjects states, over all scopes and limits', () => {
    const { consume, store } = make({ maxSubjects: 100 })
    flood(0, 1_000, (subject) => consume(subject))
    flood(0, 1_000, (subject) => consume(subject, 1, { scope: 'q+a.fixedWindow' }))
    flood(0, 1_000, (subject) =>
      consume(subject, 1, { limit: slidingWindow({ name: 'a', limit: 10, window: '1m' }).limit, scope: 'r+a.slidingWindow' }),
    )
    expect(sizeOf(store)).toBe(100)
  })

  it('trap: an LRU in which a flood of new subjects frees a blocked one', () => {
    const { consume, left } = make({ maxSubjects: 1_000 })
    consume('blocked', 10)
    expect(consume('blocked')[0].allowed).toBe(false)
    flood(0, 100_000, (subject) => consume(subject))
    expect(left('blocked')).toBe(0)
    expect(consume('blocked')[0].allowed).toBe(false)
  })

  it('evicts expired states first, then subjects charged once, then subjects under half of their limit', () => {
    const { clock, consume, left } = make({ maxSubjects: 4 })
    consume('expired', 10)
    clock.ms += MINUTE
    consume('kept', 6)
    consume('used')
    consume('used')
    consume('fresh')
    consume('new 1')
    expect([left('kept'), left('used'), left('fresh')]).toEqual([4, 8, 9])
    consume('new 2')
    expect([left('kept'), left('used'), left('fresh')]).toEqual([4, 8, 10])
    consume('new 1')
    consume('new 2')
    consume('new 3')
    expect([left('kept'), left('used'), left('new 1'), left('new 2')]).toEqual([4, 10, 8, 8])
  })

  it('trap: a refused request that evicts a state: it changes nothing', () => {
    const { consume, left, store } = make({ maxSubjects: 2 })
    consume('a')
    consume('b', 6)
    const charges = [
      { limit, scope: 'p+a.fixedWindow', subject: 'c', cost: 1 },
      { limit, scope: 'p+a.fixedWindow', subject: 'b', cost: 6 },
    ]
    expect((store.consume(charges) as Outcome[]).map(({ allowed }) => allowed)).toEqual([true, false])
    consume('d', 11)
    void store.consume([{ limit, scope: 'p+a.fixedWindow', subject: 'e', cost: 1 }], { how: 'peek' })
    expect([left('a'), left('b')]).toEqual([9, 4])
  })

  it('a decision does not evict the state of its first subject for its second', () => {
    const { left, store } = make({ maxSubjects: 2 })
    const both = (...subjects: string[]) =>
      store.consume(subjects.map((subject) => ({ limit, scope: 'p+a.fixedWindow', subject, cost: 1 }))) as Outcome[]
    both('a', 'b')
    both('a', 'c')
    expect([left('a'), left('c'), left('b')]).toEqual([8, 9, 10])
    both('d', 'e')
    expect([left('d'), left('e')]).toEqual([9, 9])
    // Three new subjects do not fit in two slots, so the third uses the shared state.
    const [, , third] = both('f', 'g', 'h')
    expect([left('f'), left('g'), third?.remaining]).toEqual([9, 9, 9])
    expect(sizeOf(store)).toBe(2)
  })

  it.each([
    ['first', 0],
    ['second', 1],
    ['last', 2],
  ])('reset removes only the %s of three states of a subject, and the next charge starts it again', (_, gone) => {
    const { store } = make()
    const charges = ['a', 'b', 'c'].map((name) => {
      return { limit: fixedWindow({ name, limit: 10, window: '1m' }).limit, scope: `p+${name}.fixedWindow`, subject: 'u', cost: 1 }
    })
    const each = () => charges.map((charge) => (store.consume([charge]) as readonly [Outcome])[0].remaining)
    void store.consume(charges)
    const target = charges[gone] as Charge
    void store.reset([target])
    expect(each()).toEqual(charges.map((charge) => (charge === target ? 9 : 8)))
    void store.reset([target])
    void store.consume(charges)
    expect(each()).toEqual(charges.map((charge) => (charge === target ? 8 : 6)))
    void store.reset(charges)
    expect(each()).toEqual([9, 9, 9])
    expect(sizeOf(store)).toBe(3)
  })

  it('one new subject charged twice in one decision takes one slot', () => {
    const { left, store } = make({ maxSubjects: 1 })
    const charge = { limit, scope: 'p+a.fixedWindow', subject: 'a', cost: 2 }
    expect((store.consume([charge, charge]) as Outcome[]).map(({ remaining }) => remaining)).toEqual([8, 6])
    expect(left('a')).toBe(6)
    expect(
      (
        store.consume([
          { ...charge, cost: 4 },
          { ...charge, cost: 3 },
        ]) as Outcome[]
      ).map(({ allowed }) => allowed),
    ).toEqual([true, false])
    expect(left('a')).toBe(6)
  })
})

describe('when no state can be evicted', () => {
  const full = (overflow?: MemoryStoreOptions['overflow']) => {
    const made = make({ maxSubjects: 3, overflow })
    for (const subject of ['x', 'y', 'z']) made.consume(subject, 6)
    return made
  }

  it("overflow: 'shared' (the default): new subjects share one state per limit", () => {
    const { clock, consume, left } = full()
    for (let i = 0; i < 10; i++) expect(consume(`n${i}`)[0]).toMatchObject({ allowed: true, remaining: 9 - i })
    expect(consume('n10')[0]).toMatchObject({ allowed: false, retryAfter: MINUTE })
    expect([left('x'), left('n11')]).toEqual([4, 0])
    clock.ms += MINUTE
    // The three have expired, so new subjects get states of their own again.
    expect([consume('n0')[0].remaining, consume('n1')[0].remaining]).toEqual([9, 9])
  })

  it('units of the shared state are given back to it, also when the subject has a state of its own by then', () => {
    const { clock, consume, left } = full()
    const [{ receipt }] = consume('n')
    consume('m', 2)
    clock.ms += 30_000
    consume('n', -1, { receipt })
    expect(left('other')).toBe(8)
    const [again] = consume('n', 3)
    clock.ms += 30_000
    expect(consume('n', 2)[0].remaining).toBe(8)
    consume('n', -3, { receipt: again.receipt })
    expect(left('n')).toBe(8)
  })

  it("overflow: 'deny' refuses new subjects, and a decision that contains one", () => {
    const { consume, left, store } = full('deny')
    expect(consume('n')[0]).toMatchObject({ allowed: false, remaining: 0, retryAfter: 1_000, granted: 0, receipt: undefined })
    const both = ['x', 'n'].map((subject) => ({ limit, scope: 'p+a.fixedWindow', subject, cost: 1 }))
    expect((store.consume(both) as Outcome[]).map(({ allowed, granted }) => [allowed, granted])).toEqual([
      [true, 0],
      [false, 0],
    ])
    expect(left('x')).toBe(4)
  })

  it("overflow: 'allow' admits new subjects and keeps no state of them", () => {
    const { consume, left } = full('allow')
    for (let i = 0; i < 50; i++) expect(consume('n')[0]).toMatchObject({ allowed: true, remaining: 9, receipt: undefined })
    expect(consume('n', 11)[0].allowed).toBe(false)
    expect(left('n')).toBe(10)
  })

  it('one decision of a new subject and of the only one that could be evicted adds no state beyond maxSubjects', () => {
    const { consume, left, store } = make({ maxSubjects: 2 })
    consume('x', 6)
    consume('y')
    const both = ['n', 'y'].map((subject) => ({ limit, scope: 'p+a.fixedWindow', subject, cost: 1 }))
    expect((store.consume(both) as Outcome[]).map(({ remaining }) => remaining)).toEqual([9, 8])
    expect([sizeOf(store), left('x'), left('y')]).toEqual([2, 4, 8])
  })

  it('is reported as an anomaly, at most once a minute', () => {
    const { clock, consume, store } = full()
    const events: StoreEvent[] = []
    const stop = store.subscribe?.((event) => events.push(event))
    for (let i = 0; i < 5; i++) consume(`n${i}`)
    expect(events).toEqual([expect.objectContaining({ type: 'anomaly', code: 'ANOMALY_OVERFLOW' })])
    for (const subject of ['x', 'y', 'z']) consume(subject)
    clock.ms += MINUTE - 1
    consume('n')
    expect(events).toHaveLength(1)
    stop?.()
  })
})

describe('subjects', () => {
  it('of any length are kept at a bounded size, and stay apart', () => {
    const { consume, left, store } = make()
    const long = 'x'.repeat(10_000)
    const others = [
      `${long}y`,
      `y${long}`,
      long.slice(1),
      `${long.slice(0, 5_000)}y${long.slice(5_001)}`,
      'x'.repeat(257),
      'x'.repeat(256),
      `${'x'.repeat(256)}\0`,
    ]
    consume(long, 3)
    expect(others.map((subject) => left(subject))).toEqual(others.map(() => 10))
    expect(left(long)).toBe(7)
    expect(longestSubject(store)).toBeLessThanOrEqual(256)
    void store.reset([{ limit, scope: 'p+a.fixedWindow', subject: long }])
    expect(left(long)).toBe(10)
  })
})

describe('states', () => {
  it('another window length is another state; another quantity is the same', () => {
    const { consume, left } = make()
    const of = (over: Partial<Limit>) => ({ limit: { ...limit, ...over } })
    consume('u', 4)
    expect(left('u', of({ window: 30_000 }))).toBe(10)
    expect(left('u', of({ limit: 20 }))).toBe(16)
    expect(left('u', of({ limit: 2 }))).toBe(0)
    expect(left('u')).toBe(6)
  })

  it('close forgets all states, and the store can be used again', () => {
    const { consume, left, store } = make()
    consume('u', 4)
    void store.close?.()
    expect([left('u'), sizeOf(store)]).toEqual([10, 0])
    expect(consume('u')[0].remaining).toBe(9)
    expect(store.health?.()).toEqual({ tier: 'memory', breaker: 'closed' })
  })
})

describe('time', () => {
  afterEach(() => vi.unstubAllGlobals())

  it('trap: a timer per key, per request or per module: none is set at import, by the factory or by a request', async () => {
    const timer = vi.fn<typeof realTimeout>(realTimeout)
    for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']) vi.stubGlobal(name, timer)
    const random = vi.spyOn(Math, 'random')
    vi.resetModules()
    const fresh: typeof import('@sluice/core') = await import('@sluice/core')
    const clock = { ms: START, now: () => clock.ms }
    const limiter = fresh.createLimiter({
      limits: [fresh.slidingWindow({ name: 'a', limit: 2, window: '30d' }), fresh.tokenBucket({ name: 'b', limit: 2, window: '1s' })],
      store: fresh.memoryStore({ clock, maxSubjects: 10 }),
    })
    for (let i = 0; i < 100; i++) {
      clock.ms += 999
      await limiter.consume(`u${i}`)
    }
    expect(timer).not.toHaveBeenCalled()
    expect(random).not.toHaveBeenCalled()
    random.mockRestore()
  })

  it.each([Number.NaN, -1, Infinity, 2 ** 53, undefined])('a clock that returns %s is refused, and nothing is charged', (bad) => {
    const { clock, consume, left } = make()
    clock.ms = bad as number
    expect(() => consume('u')).toThrow('ERR_CLOCK_INVALID')
    clock.ms = START
    expect(left('u')).toBe(10)
  })

  it('a fractional time is rounded to the nearest microsecond', () => {
    const { clock, consume } = make()
    clock.ms = 1000.0004
    expect(consume('u')[0].at).toBe(1_000_000)
    clock.ms = 1000.0006
    expect(consume('u')[0].at).toBe(1_000_001)
  })

  it('trap: remaining off by one on a fresh key because of floats', () => {
    const clock = { ms: START + 0.1, now: () => clock.ms }
    const store = memoryStore({ clock })
    const bucket = tokenBucket({ name: 'b', limit: 7, window: '1m', burst: 3 }).limit
    const take = () => (store.consume([{ limit: bucket, scope: 'p+b.tokenBucket', subject: 'u', cost: 1 }]) as [Outcome])[0]
    expect([take(), take(), take(), take()].map(({ remaining }) => remaining)).toEqual([2, 1, 0, 0])
    clock.ms += take().retryAfter
    expect(take().allowed).toBe(true)
  })
})

interface Inside {
  readonly states: { readonly slots: { readonly size: number; readonly subjects: readonly string[] } }
}
// No public member says how many states the store keeps.
function sizeOf(store: Store): number {
  return (store as unknown as Inside).states.slots.size
}
function longestSubject(store: Store): number {
  return Math.max(...(store as unknown as Inside).states.slots.subjects.map((subject) => subject.length))
}
