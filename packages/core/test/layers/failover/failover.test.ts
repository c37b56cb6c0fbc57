// A request through the whole layer, on a clock that only the tests move.
import { createLimiter, setEnabled, slidingWindow, SluiceError } from '@sluice/core'
import { describe, expect, test } from 'vitest'
import { charge, consumeNow, consumeOne, flushPromises, openBreaker, setUp, storeError, TEN } from './lab.ts'

const shards = ({ subject }: { subject: string }) => subject

describe('while the store answers, the layer', () => {
  test('passes its outcomes on unchanged', async () => {
    const { store, inner } = setUp()
    expect(await consumeOne(store, charge('a'))).toMatchObject({ allowed: true, remaining: 9, source: 'redis' })
    expect([store.name, inner.calls.length]).toEqual(['redis', 1])
    expect(store.health?.()).toEqual({ tier: 'redis', breaker: 'closed', instances: 2 })
  })

  test('sets one timer for a turn of the event loop and one for the deadline, however many requests there are', async () => {
    const { store, clock, inner } = setUp()
    inner.holdCalls()
    const answers = Array.from({ length: 100 }, (_, i) => consumeOne(store, charge(`s${i}`)))
    expect(clock.pending).toBe(1)
    clock.advance(1)
    expect(clock.pending).toBe(1)
    inner.deliver()
    await Promise.all(answers)
    clock.advance(100)
    expect(clock.pending).toBe(0)
  })

  test('does not count an error of the caller as a failure of the store', async () => {
    const at = setUp()
    at.inner.fail(new SluiceError('ERR_CLOCK_INVALID', 'not the fault of the store'))
    for (let i = 0; i < 10; i++) {
      await expect(consumeOne(at.store, charge('a'))).rejects.toMatchObject({ code: 'ERR_CLOCK_INVALID' })
      at.clock.advance(1)
    }
    expect([at.events, at.store.health?.().breaker]).toEqual([[], 'closed'])
  })
})

describe('over several shards', () => {
  test('a shard fails alone', async () => {
    const at = setUp({ instances: 2 }, {}, ({ subject }) => subject.slice(0, 1))
    at.inner.fail({ shard: 'a' })
    for (let i = 0; i < 3; i++) await consumeOne(at.store, charge(`a${i}`))
    at.inner.heal()
    expect(consumeNow(at.store, charge('a'))).toMatchObject({ source: 'local' })
    expect(await consumeOne(at.store, charge('b'))).toMatchObject({ source: 'redis' })
    expect(at.store.health?.()).toMatchObject({ tier: 'local', breaker: 'open' })
  })

  test('a decision over an available and an unavailable shard is all or nothing', async () => {
    const at = setUp({ instances: 1 }, {}, shards)
    at.inner.fail({ refusal: 'unwritable' })
    await consumeOne(at.store, charge('away'))
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
    expect([consumeNow(at.store, charge('away', TEN, 0))?.remaining, at.inner.used('there')]).toEqual([3, 6])
  })

  test('a decision over several shards has one deadline', async () => {
    const at = setUp({ instances: 1 }, {}, shards)
    at.inner.holdCalls()
    const answer = at.store.consume([charge('a'), charge('b')])
    at.clock.advance(51)
    await flushPromises()
    at.clock.advance(1)
    expect((await answer).map((outcome) => outcome?.source)).toEqual(['local', 'local'])
    expect(at.clock.monotonic()).toBe(52)
  })
})

describe('D03: after close()', () => {
  test('requests are decided by failMode, at once and without a call of the store', async () => {
    const at = setUp({ instances: 2 })
    const taken = await consumeOne(at.store, charge('a'))
    at.clock.advance(100)
    await at.store.close?.()
    const calls = at.inner.calls.length
    expect(consumeNow(at.store, charge('a'))).toMatchObject({ allowed: true, remaining: 4, source: 'local' })
    expect(consumeNow(at.store, charge('new'), { failMode: 'open' })).toMatchObject({ allowed: true, source: 'open' })
    expect(consumeNow(at.store, charge('new'), { failMode: 'closed' })).toMatchObject({ allowed: false, source: 'closed' })
    expect(consumeNow(at.store, { ...charge('a', TEN, -1), receipt: taken.receipt })).toMatchObject({ allowed: true })
    expect([at.inner.calls.length, at.clock.pending]).toEqual([calls, 0])
    expect(at.store.health?.()).toMatchObject({ tier: 'local' })
  })

  test('a limiter over the store rejects nothing', async () => {
    const at = setUp({ instances: 1 })
    const limiter = createLimiter({ limits: [slidingWindow({ name: 'a', limit: 1, window: '1m' })], store: at.store, failMode: 'open' })
    await at.store.close?.()
    expect(await limiter.consume('a')).toMatchObject({ allowed: true, source: 'open' })
    expect(limiter.health().tier).toBe('open')
  })
})

describe('the layer', () => {
  test('rejects nothing without listeners, and close() ends every timer', async () => {
    let left = 0
    const presence = {
      heartbeat: () => Promise.reject(storeError({ refusal: 'forbidden' })),
      leave: () => Promise.resolve(void (left += 1)),
    }
    const at = setUp({}, { presence })
    await flushPromises()
    expect(at.events).toMatchObject([{ code: 'WARN_INSTANCES_UNKNOWN' }])
    await openBreaker(at)
    await at.store.close?.()
    expect([left, at.clock.pending]).toEqual([1, 0])
  })

  test('setEnabled(false) turns it off', async () => {
    const at = setUp()
    const limiter = createLimiter({ limits: [slidingWindow({ name: 'a', limit: 1, window: '1m' })], store: at.store, failMode: 'closed' })
    await openBreaker(at)
    expect((await limiter.consume('a')).allowed).toBe(false)
    setEnabled(false)
    try {
      const calls = at.inner.calls.length
      expect(await limiter.consume('a')).toMatchObject({ allowed: true, mode: 'off' })
      expect(at.inner.calls.length).toBe(calls)
    } finally {
      setEnabled(true)
    }
    expect((await limiter.consume('a')).allowed).toBe(false)
  })

  test('reports to observers the tier that decides for their policy', async () => {
    const at = setUp()
    const limits = [slidingWindow({ name: 'a', limit: 1, window: '1m' })]
    const events: unknown[] = []
    for (const failMode of ['closed', undefined] as const) {
      const on = { tier: (event: unknown) => events.push(event), breaker: (event: unknown) => events.push(event) }
      createLimiter({ name: `for-${failMode}`, limits, store: at.store, failMode, on })
    }
    await openBreaker(at)
    const cause = 'away'
    const breaker = { type: 'breaker', shard: 'redis', from: 'closed', to: 'open', cause }
    const tier = { type: 'tier', from: 'redis', cause }
    expect(events).toEqual([breaker, breaker, { ...tier, to: 'closed' }, { ...tier, to: 'local' }])
  })
})
