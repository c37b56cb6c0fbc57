// The state machine of the failover layer, on a clock that only the tests move.
import {
  type Charge,
  concurrency,
  createLimiter,
  leakyBucket,
  type Outcome,
  setEnabled,
  slidingWindow,
  SluiceError,
  tokenBucket,
} from '@sluice/core'
import { stack } from '@sluice/core/store-kit'
import { fakeClock } from '@sluice/testing'
import { describe, expect, test } from 'vitest'
import { atOnce, bench, charge, healed, HUNDRED, late, looked, one, opened, passing, remote, settled, storeError, TEN } from './lab.ts'

describe('while the store answers', () => {
  test('its answers are passed on as they are', async () => {
    const { store, inner } = bench()
    expect(await one(store, charge('a'))).toMatchObject({ allowed: true, remaining: 9, source: 'redis' })
    expect([store.name, inner.asked.length]).toEqual(['redis', 1])
    expect(store.health?.()).toEqual({ tier: 'redis', breaker: 'closed', instances: 2 })
  })

  test('one timer a turn and one for the deadline, whatever the number of requests', async () => {
    const { store, clock, inner } = bench()
    inner.stall()
    const asked = Array.from({ length: 100 }, (_, i) => one(store, charge(`s${i}`)))
    expect(clock.pending).toBe(1)
    clock.advance(1)
    expect(clock.pending).toBe(1)
    inner.late()
    await Promise.all(asked)
    clock.advance(100)
    expect(clock.pending).toBe(0)
  })

  test('what the caller did wrong is the caller’s: no failure of the store', async () => {
    const at = bench()
    at.inner.fail(new SluiceError('ERR_CLOCK_INVALID', 'other partitions'))
    for (let i = 0; i < 10; i++) {
      await expect(one(at.store, charge('a'))).rejects.toMatchObject({ code: 'ERR_CLOCK_INVALID' })
      at.clock.advance(1)
    }
    expect([at.events, at.store.health?.().breaker]).toEqual([[], 'closed'])
  })
})

describe('the deadline', () => {
  test('trap: a dead Redis costs each request 300 ms to 10 s: 50 ms, and from the third command on nothing', async () => {
    const at = bench()
    at.inner.stall()
    for (let i = 0; i < 3; i++) {
      const answer = one(at.store, charge('a', HUNDRED))
      at.clock.advance(49)
      await settled()
      expect(at.clock.monotonic() % 50).not.toBe(0)
      at.clock.advance(1)
      expect(await answer).toMatchObject({ source: 'local', allowed: true })
    }
    const before = at.inner.asked.length
    expect(atOnce(at.store, charge('a', HUNDRED))).toMatchObject({ source: 'local', remaining: 46 })
    expect(at.inner.asked.length).toBe(before)
  })

  test('what is due within the same millisecond has one timer, and what is due later its own', async () => {
    const at = bench()
    at.inner.stall()
    const sources: unknown[] = []
    const ask = () => void one(at.store, charge('a')).then(({ source }) => sources.push(source))
    ask()
    at.clock.advance(0.6)
    ask()
    at.clock.advance(0.6)
    ask()
    // The first is due at 50 ms, the others 0.6 and 1.2 ms later.
    at.clock.advance(50 - at.clock.monotonic())
    await settled()
    expect(sources).toEqual(['local', 'local'])
    at.clock.advance(1.2)
    await settled()
    expect(sources).toEqual(['local', 'local', 'local'])
  })

  test.each([
    ['what arrives in the turn after it is not late', true, 'redis'],
    ['what has not arrived by then is', false, 'local'],
  ])('%s', async (_name, arrives, source) => {
    const clock = fakeClock()
    const inner = remote(clock)
    // A timer of no time fires in the next turn, as it does in a runtime.
    const after = (ms: number, run: () => void) => clock.after(Math.max(1, ms), run)
    const store = stack(inner, { failover: { instances: 2 }, denyCache: false }, { clock: { ...clock, after } })
    inner.silence()
    const answer = one(store, charge('a'))
    clock.advance(1)
    clock.advance(50)
    if (arrives) inner.late()
    await settled()
    clock.advance(1)
    expect((await answer).source).toBe(source)
  })

  test('what is not known is charged here, and never again at recovery', async () => {
    const at = bench()
    at.inner.silence()
    for (let i = 0; i < 3; i++) expect(await late(at, charge('a'))).toMatchObject({ source: 'local' })
    expect(at.store.health?.().breaker).toBe('open')
    at.inner.late()
    await healed(at)
    expect([at.store.health?.().breaker, at.inner.used('a')]).toEqual(['closed', 3])
  })

  test('a late charge that was refused here goes back', async () => {
    const at = bench({ instances: 10 })
    at.inner.silence()
    expect(await late(at, charge('a'))).toMatchObject({ allowed: true })
    expect(await late(at, charge('a'))).toMatchObject({ allowed: false, source: 'local' })
    expect(at.inner.used('a')).toBe(2)
    at.inner.late()
    await settled()
    expect(at.inner.used('a')).toBe(1)
  })

  test('a late holder goes back: nobody else would release it', async () => {
    const at = bench()
    const slots = concurrency({ name: 'slots', limit: 4, ttl: '1m' }).limit
    at.inner.silence()
    const held = await late(at, charge('a', slots))
    expect([held.source, held.allowed, at.inner.used('a', slots)]).toEqual(['local', true, 1])
    at.inner.late()
    await settled()
    expect(at.inner.used('a', slots)).toBe(0)
  })
})

describe('the breaker', () => {
  test('three failed commands in a row', async () => {
    const at = bench()
    at.inner.fail({})
    for (const breaker of ['closed', 'closed', 'open']) {
      await one(at.store, charge('a'))
      expect(at.store.health?.().breaker).toBe(breaker)
    }
    expect(at.events).toEqual([
      { type: 'breaker', shard: 'redis', from: 'closed', to: 'open' },
      { type: 'tier', from: 'redis', to: 'local' },
    ])
  })

  test('a batch is one command', async () => {
    const at = bench()
    at.inner.fail({ batch: 7 })
    await Promise.all(Array.from({ length: 20 }, (_, i) => one(at.store, charge(`s${i}`))))
    at.clock.advance(1)
    await Promise.all(Array.from({ length: 20 }, (_, i) => one(at.store, charge(`s${i}`))))
    expect(at.store.health?.().breaker).toBe('closed')
    at.inner.stall()
    const many = Array.from({ length: 20 }, (_, i) => one(at.store, charge(`s${i}`)))
    at.clock.advance(60)
    await Promise.all(many)
    expect(at.store.health?.().breaker).toBe('closed')
  })

  test('one in twenty of the last 200', async () => {
    const at = bench()
    const rounds = async (count: number, every: number): Promise<void> => {
      for (let i = 1; i <= count; i++) {
        if (i % every === 0) at.inner.fail({})
        await one(at.store, charge('a', HUNDRED, 0))
        at.inner.heal()
        at.clock.advance(1)
      }
    }
    await rounds(420, 23)
    expect(at.store.health?.().breaker).toBe('closed')
    await rounds(200, 20)
    expect(at.store.health?.().breaker).toBe('open')
  })

  test.each(['starting', 'unwritable', 'forbidden'] as const)('a store that says it is %s opens the breaker at once', async (refusal) => {
    const at = bench()
    at.inner.fail({ refusal })
    expect(await one(at.store, charge('a'))).toMatchObject({ source: 'local' })
    expect(at.store.health?.().breaker).toBe('open')
  })

  test('open, it costs nothing: no call, no timer, an answer at once', async () => {
    const at = bench()
    await opened(at)
    const [asked, timers] = [at.inner.asked.length, at.clock.pending]
    for (let i = 0; i < 1_000; i++) expect(atOnce(at.store, charge(`s${i}`))).toMatchObject({ source: 'local' })
    expect([at.inner.asked.length, at.clock.pending]).toEqual([asked, timers])
  })

  test('half-open by one look, which writes nothing, at most every quarter of a second, at least every half', async () => {
    const at = bench()
    await opened(at)
    const before = at.inner.asked.length
    const looks: number[] = []
    for (let i = 0; i < 300; i++) {
      const count = at.inner.asked.length
      at.clock.advance(100)
      await settled()
      if (at.inner.asked.length > count) looks.push(at.clock.monotonic())
      atOnce(at.store, charge('a'))
    }
    expect(at.inner.asked.slice(before).every(({ options, charges }) => options.how === 'peek' && charges[0]?.cost === 0)).toBe(true)
    expect(looks.length).toBeGreaterThan(50)
    expect(looks.length).toBeLessThan(125)
    const waits = looks.slice(1).map((at, i) => at - (looks[i] as number))
    expect(Math.max(...waits)).toBeLessThanOrEqual(600)
  })

  test('a store that answers a look too late is not back', async () => {
    const at = bench()
    await opened(at)
    at.inner.stall()
    at.clock.advance(600)
    at.clock.advance(51)
    at.inner.late()
    await settled()
    expect(at.store.health?.()).toMatchObject({ tier: 'local', breaker: 'open' })
    await healed(at)
    expect(at.store.health?.()).toMatchObject({ tier: 'redis', breaker: 'closed' })
    expect(at.events.at(-1)).toEqual({ type: 'tier', from: 'local', to: 'redis' })
  })

  test('trap: READONLY kept after failover: what is owed is the proof, and no request waits for it', async () => {
    const at = bench()
    at.inner.fail({ refusal: 'unwritable' })
    await one(at.store, charge('a'))
    await looked(at)
    expect(at.store.health?.().breaker).toBe('open')
    expect(at.inner.asked.at(-1)?.options.how).toBe('peek')
    at.inner.heal()
    await looked(at)
    expect(at.inner.asked.at(-1)?.options.how).toBe('force')
    expect(at.store.health?.().breaker).toBe('closed')
  })

  test('trap: READONLY kept after failover: a look is no proof of what may write; one request is, where nothing is owed', async () => {
    const at = bench({ reconcile: 'forget' })
    at.inner.fail({ refusal: 'unwritable' })
    await one(at.store, charge('a'))
    at.inner.heal()
    await looked(at)
    expect(at.store.health?.().breaker).toBe('half-open')
    at.inner.fail({ refusal: 'unwritable' })
    const before = at.inner.asked.length
    expect(await one(at.store, charge('a'))).toMatchObject({ source: 'local' })
    expect(atOnce(at.store, charge('a'))).toMatchObject({ source: 'local' })
    expect([at.inner.asked.length - before, at.store.health?.().breaker]).toEqual([1, 'open'])
    at.inner.heal()
    await looked(at)
    expect(await one(at.store, charge('b'))).toMatchObject({ source: 'redis' })
    await settled()
    expect(at.store.health?.().breaker).toBe('closed')
  })

  test('the one request that tries is refused, or makes no sense: another one tries', async () => {
    const at = bench({ reconcile: 'forget' })
    at.inner.fail({ refusal: 'unwritable', batch: 1 })
    await one(at.store, charge('a', TEN, 10))
    at.inner.heal()
    await looked(at)
    at.inner.fail(new SluiceError('ERR_COST_INVALID', 'none'))
    await expect(one(at.store, charge('a'))).rejects.toMatchObject({ code: 'ERR_COST_INVALID' })
    at.inner.heal()
    expect(await one(at.store, charge('a', TEN, 11))).toMatchObject({ allowed: false, source: 'redis' })
    // The same command again, as of one that several requests waited for.
    at.inner.fail({ refusal: 'unwritable', batch: 1 })
    expect(await one(at.store, charge('b'))).toMatchObject({ source: 'local' })
    expect(at.store.health?.().breaker).toBe('open')
    at.inner.heal()
    await looked(at)
    expect(await one(at.store, charge('b'))).toMatchObject({ source: 'redis' })
    await settled()
    expect(at.store.health?.().breaker).toBe('closed')
  })

  test('a shard fails alone', async () => {
    const at = bench({ instances: 2 }, {}, ({ subject }) => subject.slice(0, 1))
    at.inner.fail({ shard: 'a' })
    for (let i = 0; i < 3; i++) await one(at.store, charge(`a${i}`))
    at.inner.heal()
    expect(atOnce(at.store, charge('a'))).toMatchObject({ source: 'local' })
    expect(await one(at.store, charge('b'))).toMatchObject({ source: 'redis' })
    expect(at.store.health?.()).toMatchObject({ tier: 'local', breaker: 'open' })
  })
})

describe('the local tier', () => {
  test('one over the number of instances of each limit, whole units, at least 1', async () => {
    for (const [instances, most] of [
      [1, 10],
      [3, 3],
      [11, 1],
    ] as const) {
      const at = bench({ instances })
      await opened(at)
      const outcomes = Array.from({ length: 12 }, () => atOnce(at.store, charge('a')) as Outcome)
      expect(outcomes.filter(({ allowed }) => allowed)).toHaveLength(most)
    }
  })

  test('share: 1 is the whole limit, a limit of 0 stays 0', async () => {
    const at = bench({ share: 1 })
    await opened(at)
    expect(atOnce(at.store, charge('a', TEN, 10))).toMatchObject({ allowed: true })
    expect(atOnce(at.store, charge('a', { ...TEN, limit: 0 }))).toMatchObject({ allowed: false, retryAfter: Infinity })
    const half = bench({ share: 0.5 })
    await opened(half)
    expect(atOnce(half.store, charge('a', { ...TEN, limit: 0 }))).toMatchObject({ allowed: false, retryAfter: Infinity })
  })

  test('what the limit would admit, and the share never, is not refused for ever', async () => {
    const at = bench({ instances: 10 })
    await opened(at)
    expect(atOnce(at.store, charge('a', TEN, 5))).toMatchObject({ allowed: false, retryAfter: 5_000 })
    expect(atOnce(at.store, charge('a', TEN, 11))).toMatchObject({ allowed: false, retryAfter: Infinity })
  })

  test('begins with this process’s share of what was left; whoever had more than half, with the full share', async () => {
    const at = bench({ instances: 2 })
    const bucket = tokenBucket({ name: 'bucket', limit: 60, window: '1m' }).limit
    await one(at.store, charge('little', HUNDRED, 80))
    await one(at.store, charge('much', HUNDRED, 40))
    await one(at.store, charge('refilled', bucket, 60))
    await opened(at)
    expect(atOnce(at.store, charge('little', HUNDRED, 0))).toMatchObject({ remaining: 10 })
    expect(atOnce(at.store, charge('much', HUNDRED, 0))).toMatchObject({ remaining: 50 })
    at.clock.advance(20_000)
    expect(atOnce(at.store, charge('refilled', bucket, 0))?.remaining).toBe(10)
  })

  test('what was seen more than a second before says nothing', async () => {
    const at = bench({ instances: 2 })
    await one(at.store, charge('a', HUNDRED, 80))
    at.clock.advance(1_500)
    await opened(at)
    expect(atOnce(at.store, charge('a', HUNDRED, 0))).toMatchObject({ remaining: 50 })
  })

  test('a queue and holders work there too', async () => {
    const at = bench({ instances: 2 })
    await opened(at)
    const queue = leakyBucket({ name: 'queue', limit: 10, window: '1s', queue: true, maxDelay: '1s' }).limit
    expect(atOnce(at.store, charge('a', queue))).toMatchObject({ allowed: true, delay: 0 })
    expect(atOnce(at.store, charge('a', queue))?.delay).toBeGreaterThan(0)
    const slots = concurrency({ name: 'slots', limit: 4, ttl: '1m' }).limit
    const held = [1, 2, 3].map(() => atOnce(at.store, charge('a', slots)) as Outcome)
    expect(held.map(({ allowed }) => allowed)).toEqual([true, true, false])
    const { receipt } = held[0] as Outcome
    expect(JSON.parse(JSON.stringify(receipt))).toBe(receipt)
    expect(atOnce(at.store, { ...charge('a', slots, 1), receipt })).toMatchObject({ allowed: true })
    expect(atOnce(at.store, { ...charge('a', slots, -1), receipt })).toMatchObject({ granted: -1 })
    expect(atOnce(at.store, charge('a', slots))).toMatchObject({ allowed: true })
  })

  test('open and closed', async () => {
    const at = bench()
    await opened(at)
    expect(atOnce(at.store, charge('a', TEN, 3), { failMode: 'open' })).toMatchObject({
      allowed: true,
      source: 'open',
      granted: 3,
      receipt: undefined,
    })
    expect(atOnce(at.store, charge('a'), { failMode: 'closed' })).toMatchObject({ allowed: false, source: 'closed', granted: 0 })
    const limits = [slidingWindow({ name: 'minute', limit: 1, window: '1m' })]
    for (const [failMode, verdict] of [
      ['open', 'allowed'],
      ['closed', 'unavailable'],
      ['local', 'allowed'],
    ] as const) {
      const limiter = createLimiter({ name: failMode, limits, failMode, store: at.store })
      const decision = await limiter.consume('a')
      expect([decision.verdict, decision.source, limiter.health().tier]).toEqual([verdict, failMode, failMode])
      await limiter.refund(decision)
    }
  })

  test('trap: the fallback Map that fills during an outage: bounded', async () => {
    const at = bench({ instances: 1, maxSubjects: 100 })
    await opened(at)
    for (let i = 0; i < 100; i++) atOnce(at.store, charge('x'.repeat(10_000) + i))
    for (let i = 0; i < 5_000; i++) atOnce(at.store, charge(`s${i}`))
    await healed(at)
    const owed = at.inner.asked.filter(({ options }) => options.how === 'force')
    expect([at.store.health?.().breaker, owed.length]).toEqual(['closed', 100])
  })

  test('a replica is read once a second and subject, behind the requests, and only lowers where it begins', async () => {
    const clock = fakeClock()
    const inner = remote(clock)
    const looks: string[][] = []
    const look = (charges: readonly Charge[]) => {
      looks.push(charges.map(({ subject }) => subject))
      return charges.map(() => ({ remaining: 40 }) as Outcome)
    }
    const at = {
      clock,
      inner,
      events: [],
      store: stack({ ...inner, peekReplica: look }, { failover: { instances: 2 }, denyCache: false }, { clock }),
    }
    await opened(at)
    await passing(clock, 100)
    looks.length = 0
    for (let i = 0; i < 20; i++) {
      expect(atOnce(at.store, charge('a', HUNDRED))).toMatchObject({ source: 'local' })
      expect(atOnce(at.store, charge('b', HUNDRED, 0))).toMatchObject({ remaining: i === 0 ? 50 : 20 })
      await passing(clock, 75)
    }
    expect(looks).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ])
    // 20 were left to it; what it used since is not given to it again.
    expect(atOnce(at.store, charge('a', HUNDRED, 0))).toMatchObject({ remaining: 1 })
  })

  test('a replica that is away too says nothing', async () => {
    const clock = fakeClock()
    const inner = remote(clock)
    const look = () => Promise.reject(new Error('away'))
    const at = {
      clock,
      inner,
      events: [],
      store: stack({ ...inner, peekReplica: look }, { failover: { instances: 2 }, denyCache: false }, { clock }),
    }
    await opened(at)
    atOnce(at.store, charge('a', HUNDRED))
    await passing(clock, 100)
    expect(atOnce(at.store, charge('a', HUNDRED))).toMatchObject({ source: 'local', remaining: 48 })
  })

  test('a guess of the number of instances is told, once', async () => {
    const at = bench({})
    await opened(at)
    for (let i = 0; i < 3; i++) atOnce(at.store, charge('a'))
    expect(at.events.filter(({ type }) => type === 'warning')).toMatchObject([{ code: 'WARN_INSTANCES_UNKNOWN' }])
    const told = bench({ instances: 1 })
    await opened(told)
    expect(told.events.filter(({ type }) => type === 'warning')).toEqual([])
  })
})

describe('receipts', () => {
  test('a give-back goes to the tier that took, also after recovery, and the other one is not touched', async () => {
    const at = bench()
    const there = await one(at.store, charge('a'))
    await opened(at)
    const here = atOnce(at.store, charge('a')) as Outcome
    // Only the store could do it, and it is away: not tried again.
    expect(atOnce(at.store, { ...charge('a', TEN, -1), receipt: there.receipt })).toMatchObject({ allowed: true, granted: 0 })
    expect(atOnce(at.store, { ...charge('a', TEN, -1), receipt: here.receipt })).toMatchObject({ granted: -1 })
    expect(atOnce(at.store, { ...charge('a', TEN, -1), receipt: here.receipt })).toMatchObject({ granted: 0 })
    await healed(at)
    const before = at.inner.asked.length
    await one(at.store, { ...charge('a', TEN, -1), receipt: here.receipt })
    expect(at.inner.asked.length).toBe(before)
    expect(await one(at.store, { ...charge('a', TEN, -1), receipt: there.receipt })).toMatchObject({ granted: -1, source: 'redis' })
  })

  test('a decision of both tiers is settled in both', async () => {
    const at = bench({ instances: 1 }, {}, ({ subject }) => subject)
    const limits = [slidingWindow({ name: 'a', limit: 10, window: '1m' }), slidingWindow({ name: 'b', limit: 10, window: '1m' })]
    const limiter = createLimiter({ limits, store: at.store })
    at.inner.fail({ refusal: 'unwritable' })
    await limiter.consume({ a: 'away', b: 'away' })
    at.inner.heal()
    const decision = await limiter.consume({ a: 'away', b: 'there' }, { cost: 4 })
    expect(decision.outcomes.map((outcome) => outcome?.source)).toEqual(['local', 'redis'])
    await limiter.settle(decision, 1)
    const after = await limiter.peek({ a: 'away', b: 'there' })
    expect(after.outcomes.map((outcome) => outcome?.remaining)).toEqual([8, 9])
  })

  test('one that is none of this tier is refused', async () => {
    const { store } = bench()
    const forged = { ...charge('a', TEN, -1), receipt: 'local:{' }
    expect(() => store.consume([forged])).toThrow(expect.objectContaining({ code: 'ERR_RECEIPT_INVALID' }))
  })
})

describe('recovery', () => {
  test('trap: recovery charges all that was spent during an outage: what is lacking now, no more', async () => {
    const at = bench({ instances: 1 })
    const bucket = tokenBucket({ name: 'bucket', limit: 60, window: '1m' }).limit
    await opened(at)
    let spent = 0
    for (let second = 0; second < 600; second++) {
      at.clock.advance(1_000)
      for (let i = 0; i < 3; i++) spent += (atOnce(at.store, charge('a', bucket)) as Outcome).granted
    }
    expect(spent).toBeGreaterThan(600)
    at.clock.advance(20_000)
    await healed(at)
    expect(at.store.health?.().breaker).toBe('closed')
    expect(at.inner.used('a', bucket)).toBeLessThanOrEqual(60 - 20)
    expect(await one(at.store, charge('a', bucket))).toMatchObject({ allowed: true, source: 'redis' })
  })

  test('once, by force, and not what the store knew before', async () => {
    const at = bench({ instances: 2 })
    await one(at.store, charge('a', HUNDRED, 80))
    await opened(at)
    atOnce(at.store, charge('a', HUNDRED, 4))
    await healed(at)
    expect(at.inner.used('a', HUNDRED)).toBe(84)
    await opened(at)
    await healed(at)
    expect(at.inner.used('a', HUNDRED)).toBe(84)
  })

  test("reconcile: 'forget' charges nothing", async () => {
    const at = bench({ instances: 2, reconcile: 'forget' })
    await opened(at)
    atOnce(at.store, charge('a', HUNDRED, 4))
    await healed(at)
    expect([at.store.health?.().breaker, at.inner.used('a', HUNDRED)]).toEqual(['closed', 0])
  })

  test('what was given back here is not owed; of what is not known, nothing is', async () => {
    const at = bench({ instances: 1 })
    at.inner.silence()
    const unknown = await late(at, charge('a', HUNDRED, 3))
    await opened(at)
    const kept = atOnce(at.store, charge('a', HUNDRED, 10)) as Outcome
    const refunded = atOnce(at.store, charge('a', HUNDRED, 20)) as Outcome
    for (const { receipt, granted } of [unknown, refunded]) await one(at.store, { ...charge('a', HUNDRED, -granted), receipt })
    at.inner.late()
    await healed(at)
    expect([kept.granted, at.inner.used('a', HUNDRED)]).toEqual([10, 13])
  })

  test('a single failure is charged with the next success', async () => {
    const at = bench({ instances: 2 })
    at.inner.fail({})
    await one(at.store, charge('a', HUNDRED, 4))
    at.clock.advance(1)
    at.inner.heal()
    await one(at.store, charge('b'))
    at.clock.advance(1)
    await settled()
    expect(at.inner.used('a', HUNDRED)).toBe(4)
  })

  test('in parts, never a herd', async () => {
    const at = bench({ instances: 1 })
    await opened(at)
    for (let i = 0; i < 1_000; i++) atOnce(at.store, charge(`s${i}`))
    at.inner.stall()
    await looked(at)
    const before = at.inner.asked.length
    at.inner.late()
    await settled()
    expect(at.inner.asked.length - before).toBe(128)
    at.inner.heal()
    at.inner.late()
    for (let i = 0; i < 100; i++) await settled()
    expect([at.store.health?.().breaker, at.inner.used('s999')]).toEqual(['closed', 1])
  })

  test('what fails again is owed still; what may have been charged is not, and is told', async () => {
    const at = bench({ instances: 2 })
    await opened(at)
    atOnce(at.store, charge('a', HUNDRED, 4))
    at.inner.stall()
    await looked(at)
    at.inner.fail({})
    at.inner.late()
    await settled()
    expect(at.store.health?.().breaker).toBe('open')
    await healed(at)
    expect([at.store.health?.().breaker, at.inner.used('a', HUNDRED)]).toEqual(['closed', 4])
    await opened(at)
    atOnce(at.store, charge('a', HUNDRED, 4))
    at.inner.stall()
    await looked(at)
    at.inner.fail({ unknown: true })
    at.inner.late()
    await settled()
    expect(at.events.filter(({ type }) => type === 'anomaly')).toMatchObject([{ code: 'ANOMALY_UNRECONCILED' }])
    await healed(at)
    expect(at.inner.used('a', HUNDRED)).toBe(4)
  })

  test('a subject that was reset owes nothing', async () => {
    const at = bench({ instances: 2 })
    await opened(at)
    atOnce(at.store, charge('a', HUNDRED, 4))
    await at.store.reset([charge('a', HUNDRED)])
    expect(atOnce(at.store, charge('a', HUNDRED, 0))).toMatchObject({ remaining: 50 })
    await healed(at)
    expect(at.inner.used('a', HUNDRED)).toBe(0)
  })
})

describe('over several shards', () => {
  const shards = ({ subject }: { subject: string }) => subject
  test('all or nothing over the tiers', async () => {
    const at = bench({ instances: 1 }, {}, shards)
    at.inner.fail({ refusal: 'unwritable' })
    await one(at.store, charge('away'))
    at.inner.heal()
    const both = [charge('away', TEN, 6), charge('there', TEN, 6)]
    expect(await at.store.consume(both)).toMatchObject([
      { allowed: true, source: 'local', granted: 6 },
      { allowed: true, source: 'redis', granted: 6 },
    ])
    expect(await at.store.consume(both)).toMatchObject([
      { allowed: false, source: 'local', granted: 0 },
      { allowed: false, source: 'redis', granted: 0 },
    ])
    expect(await at.store.consume([charge('away'), charge('there', TEN, 6)])).toMatchObject([
      { allowed: true, granted: 0 },
      { allowed: false },
    ])
    expect([atOnce(at.store, charge('away', TEN, 0))?.remaining, at.inner.used('there')]).toEqual([3, 6])
  })

  test('one deadline for all of it', async () => {
    const at = bench({ instances: 1 }, {}, shards)
    at.inner.stall()
    const answer = at.store.consume([charge('a'), charge('b')])
    at.clock.advance(51)
    await settled()
    at.clock.advance(1)
    expect((await answer).map((outcome) => outcome?.source)).toEqual(['local', 'local'])
    expect(at.clock.monotonic()).toBe(52)
  })
})

describe('the whole', () => {
  test('nothing rejects where nobody listens, and close() ends every timer', async () => {
    const left: unknown[] = []
    const presence = {
      heartbeat: () => Promise.reject(storeError({ refusal: 'forbidden' })),
      leave: () => Promise.resolve(void left.push(1)),
    }
    const at = bench({}, { presence })
    await settled()
    expect(at.events).toMatchObject([{ code: 'WARN_INSTANCES_UNKNOWN' }])
    await opened(at)
    await at.store.close?.()
    expect([left, at.clock.pending]).toEqual([[1], 0])
  })

  test('the kill switch turns all of it off', async () => {
    const at = bench()
    const limiter = createLimiter({ limits: [slidingWindow({ name: 'a', limit: 1, window: '1m' })], store: at.store, failMode: 'closed' })
    await opened(at)
    expect((await limiter.consume('a')).allowed).toBe(false)
    setEnabled(false)
    try {
      const asked = at.inner.asked.length
      expect(await limiter.consume('a')).toMatchObject({ allowed: true, mode: 'off' })
      expect(at.inner.asked.length).toBe(asked)
    } finally {
      setEnabled(true)
    }
    expect((await limiter.consume('a')).allowed).toBe(false)
  })

  test('observers hear of the tier that answers for their policy', async () => {
    const at = bench()
    const limits = [slidingWindow({ name: 'a', limit: 1, window: '1m' })]
    const heard: unknown[] = []
    for (const failMode of ['closed', undefined] as const) {
      const on = { tier: (event: unknown) => heard.push(event), breaker: (event: unknown) => heard.push(event) }
      createLimiter({ name: `for-${failMode}`, limits, store: at.store, failMode, on })
    }
    await opened(at)
    const breaker = { type: 'breaker', shard: 'redis', from: 'closed', to: 'open' }
    expect(heard).toEqual([breaker, breaker, { type: 'tier', from: 'redis', to: 'closed' }, { type: 'tier', from: 'redis', to: 'local' }])
  })

  test('the count of the fleet: read every 5 s, and the last one stands', async () => {
    let count = 4
    const beats: number[] = []
    const at = bench(
      {},
      {
        presence: {
          heartbeat: () => (beats.push(count), count > 0 ? Promise.resolve(count) : Promise.reject(storeError({}))),
          leave: () => Promise.resolve(),
        },
      },
    )
    await settled()
    expect(at.store.health?.().instances).toBe(4)
    count = 0
    at.clock.advance(5_000)
    await settled()
    at.clock.advance(5_000)
    await settled()
    expect(beats).toEqual([4, 0, 0])
    await opened(at)
    expect(atOnce(at.store, charge('a', HUNDRED, 0))).toMatchObject({ remaining: 25 })
  })

  test.each([
    [{ deadline: 0 }, 'ERR_OPTION_INVALID'],
    [{ deadline: Number.NaN }, 'ERR_OPTION_INVALID'],
    [{ share: 0 }, 'ERR_OPTION_INVALID'],
    [{ share: 1.5 }, 'ERR_OPTION_INVALID'],
    [{ share: 'half' }, 'ERR_OPTION_INVALID'],
    [{ instances: 0 }, 'ERR_OPTION_INVALID'],
    [{ instances: 1.5 }, 'ERR_OPTION_INVALID'],
    [{ reconcile: true }, 'ERR_OPTION_INVALID'],
    [{ maxSubjects: 0 }, 'ERR_OPTION_INVALID'],
    [{ timeout: 5 }, 'ERR_OPTION_UNKNOWN'],
    [true, 'ERR_OPTION_INVALID'],
  ])('an option that makes no sense: %j', (options, code) => {
    expect(() => bench(options as never)).toThrow(expect.objectContaining({ code }))
  })
})
