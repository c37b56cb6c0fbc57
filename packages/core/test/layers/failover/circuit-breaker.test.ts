// When the store is asked, and when not.
import { SluiceError } from '@sluice/core'
import { describe, expect, test } from 'vitest'
import { charge, consumeNow, consumeOne, flushPromises, healAndWait, HUNDRED, openBreaker, setUp, TEN, waitForProbe } from './lab.ts'

const AWAY = {
  type: 'warning',
  code: 'WARN_STORE_AWAY',
  message: 'redis does not decide: away; until it does, this process decides as failMode says',
}

describe('the breaker opens', () => {
  test('after three failed batches in a row', async () => {
    const at = setUp()
    at.inner.fail({})
    for (const breaker of ['closed', 'closed', 'open']) {
      await consumeOne(at.store, charge('a'))
      expect(at.store.health?.().breaker).toBe(breaker)
    }
    expect(at.events).toEqual([
      { type: 'breaker', shard: 'redis', from: 'closed', to: 'open', cause: 'away' },
      { type: 'tier', from: 'redis', to: 'local', cause: 'away' },
      AWAY,
    ])
  })

  test('not after one failed batch, however many requests it carried', async () => {
    const at = setUp()
    at.inner.fail({ batch: 7 })
    await Promise.all(Array.from({ length: 20 }, (_, i) => consumeOne(at.store, charge(`s${i}`))))
    at.clock.advance(1)
    await Promise.all(Array.from({ length: 20 }, (_, i) => consumeOne(at.store, charge(`s${i}`))))
    expect(at.store.health?.().breaker).toBe('closed')
    at.inner.holdCalls()
    const many = Array.from({ length: 20 }, (_, i) => consumeOne(at.store, charge(`s${i}`)))
    at.clock.advance(60)
    await Promise.all(many)
    expect(at.store.health?.().breaker).toBe('closed')
  })

  test('when one in twenty of the last 200 batches failed', async () => {
    const at = setUp()
    const rounds = async (count: number, every: number): Promise<void> => {
      for (let i = 1; i <= count; i++) {
        if (i % every === 0) at.inner.fail({})
        await consumeOne(at.store, charge('a', HUNDRED, 0))
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
    const at = setUp()
    at.inner.fail({ refusal })
    expect(await consumeOne(at.store, charge('a'))).toMatchObject({ source: 'local' })
    expect(at.store.health?.().breaker).toBe('open')
  })
})

describe('an open breaker', () => {
  test('costs a request no call, no timer and no wait', async () => {
    const at = setUp()
    await openBreaker(at)
    const [calls, timers] = [at.inner.calls.length, at.clock.pending]
    for (let i = 0; i < 1_000; i++) expect(consumeNow(at.store, charge(`s${i}`))).toMatchObject({ source: 'local' })
    expect([at.inner.calls.length, at.clock.pending]).toEqual([calls, timers])
  })

  test('becomes half-open by one probe, which writes nothing, every quarter to half of a second', async () => {
    const at = setUp()
    await openBreaker(at)
    const before = at.inner.calls.length
    const probes: number[] = []
    for (let i = 0; i < 300; i++) {
      const count = at.inner.calls.length
      at.clock.advance(100)
      await flushPromises()
      if (at.inner.calls.length > count) probes.push(at.clock.monotonic())
      consumeNow(at.store, charge('a'))
    }
    expect(at.inner.calls.slice(before).every(({ options, charges }) => options.how === 'peek' && charges[0]?.cost === 0)).toBe(true)
    expect(probes.length).toBeGreaterThan(50)
    expect(probes.length).toBeLessThan(125)
    const waits = probes.slice(1).map((probe, i) => probe - (probes[i] as number))
    expect(Math.max(...waits)).toBeLessThanOrEqual(600)
  })

  test('opens again when the answer to a probe is late', async () => {
    const at = setUp()
    await openBreaker(at)
    at.inner.holdCalls()
    at.clock.advance(600)
    at.clock.advance(51)
    at.inner.deliver()
    await flushPromises()
    expect(at.store.health?.()).toMatchObject({ tier: 'local', breaker: 'open' })
    await healAndWait(at)
    expect(at.store.health?.()).toMatchObject({ tier: 'redis', breaker: 'closed' })
    expect(at.events.at(-2)).toEqual({ type: 'tier', from: 'local', to: 'redis' })
    expect(at.events.at(-1)).toMatchObject({ type: 'warning', code: 'WARN_STORE_BACK' })
  })
})

describe('a store that refuses writes', () => {
  test('trap: READONLY kept after failover: charging the deficit is the proof, and no request waits for it', async () => {
    const at = setUp()
    at.inner.fail({ refusal: 'unwritable' })
    await consumeOne(at.store, charge('a'))
    await waitForProbe(at)
    expect(at.store.health?.().breaker).toBe('open')
    expect(at.inner.calls.at(-1)?.options.how).toBe('peek')
    at.inner.heal()
    await waitForProbe(at)
    expect(at.inner.calls.at(-1)?.options.how).toBe('force')
    expect(at.store.health?.().breaker).toBe('closed')
  })

  test('trap: READONLY kept after failover: a probe proves nothing, so without a deficit one request is let through', async () => {
    const at = setUp({ reconcile: 'forget' })
    at.inner.fail({ refusal: 'unwritable' })
    await consumeOne(at.store, charge('a'))
    at.inner.heal()
    await waitForProbe(at)
    expect(at.store.health?.().breaker).toBe('half-open')
    at.inner.fail({ refusal: 'unwritable' })
    const before = at.inner.calls.length
    expect(await consumeOne(at.store, charge('a'))).toMatchObject({ source: 'local' })
    expect(consumeNow(at.store, charge('a'))).toMatchObject({ source: 'local' })
    expect([at.inner.calls.length - before, at.store.health?.().breaker]).toEqual([1, 'open'])
    at.inner.heal()
    await waitForProbe(at)
    expect(await consumeOne(at.store, charge('b'))).toMatchObject({ source: 'redis' })
    await flushPromises()
    expect(at.store.health?.().breaker).toBe('closed')
  })

  test('lets another request through when the first is refused, or is an error of the caller', async () => {
    const at = setUp({ reconcile: 'forget' })
    at.inner.fail({ refusal: 'unwritable', batch: 1 })
    await consumeOne(at.store, charge('a', TEN, 10))
    at.inner.heal()
    await waitForProbe(at)
    at.inner.fail(new SluiceError('ERR_COST_INVALID', 'none'))
    await expect(consumeOne(at.store, charge('a'))).rejects.toMatchObject({ code: 'ERR_COST_INVALID' })
    at.inner.heal()
    expect(await consumeOne(at.store, charge('a', TEN, 11))).toMatchObject({ allowed: false, source: 'redis' })
    // The same batch again, as if several requests had been in it.
    at.inner.fail({ refusal: 'unwritable', batch: 1 })
    expect(await consumeOne(at.store, charge('b'))).toMatchObject({ source: 'local' })
    expect(at.store.health?.().breaker).toBe('open')
    at.inner.heal()
    await waitForProbe(at)
    expect(await consumeOne(at.store, charge('b'))).toMatchObject({ source: 'redis' })
    await flushPromises()
    expect(at.store.health?.().breaker).toBe('closed')
  })
})

describe('D11: where timers end with their request', () => {
  const perRequest = () => {
    const kept: Promise<unknown>[] = []
    return { ...setUp({ instances: 2 }, { waitUntil: (work) => kept.push(work) }), kept }
  }

  test('no timer probes; the first request after the time does, and is decided at once', async () => {
    const at = perRequest()
    await openBreaker(at)
    at.inner.heal()
    const before = at.inner.calls.length
    at.clock.advance(4_000)
    await flushPromises()
    expect(at.inner.calls.length).toBe(before)
    expect(consumeNow(at.store, charge('a'))).toMatchObject({ source: 'local' })
    expect(at.inner.calls.length).toBe(before + 1)
    await flushPromises()
    expect(at.store.health?.().breaker).toBe('closed')
    expect(await consumeOne(at.store, charge('a'))).toMatchObject({ source: 'redis' })
  })

  test('the first request for more than 5 s waits for the probe: the store decides if it is back', async () => {
    const at = perRequest()
    await openBreaker(at)
    at.inner.heal()
    at.clock.advance(6_000)
    const answer = consumeOne(at.store, charge('a'), { failMode: 'closed' })
    await flushPromises()
    expect(await answer).toMatchObject({ source: 'redis', allowed: true })
  })

  test('it waits for no longer than the deadline', async () => {
    const at = perRequest()
    await openBreaker(at)
    at.inner.holdCalls()
    at.clock.advance(6_000)
    const answer = consumeOne(at.store, charge('a'))
    await flushPromises()
    at.clock.advance(50)
    expect(await answer).toMatchObject({ source: 'local' })
    // The probe hangs, and its request may have ended: after a while another one is sent.
    at.inner.heal()
    at.clock.advance(1_100)
    expect(consumeNow(at.store, charge('a'))).toMatchObject({ source: 'local' })
    at.clock.advance(500)
    expect(consumeNow(at.store, charge('a'))).toMatchObject({ source: 'local' })
    await flushPromises()
    expect(await consumeOne(at.store, charge('a'))).toMatchObject({ source: 'redis' })
    // The answer to the first probe arrives at last, and changes nothing.
    at.inner.deliver()
    await flushPromises()
    expect(at.store.health?.().breaker).toBe('closed')
  })

  test('the deficit is charged, and give-backs that are owed are made, by requests', async () => {
    const at = perRequest()
    const taken = await consumeOne(at.store, charge('a', TEN, 2))
    await openBreaker(at)
    await at.store.consume([charge('b', TEN, 3)])
    await at.store.consume([{ ...charge('a', TEN, -2), receipt: taken.receipt }], { how: 'force' })
    at.inner.heal()
    at.clock.advance(1_000)
    consumeNow(at.store, charge('c'))
    await flushPromises()
    expect([at.inner.used('a'), at.inner.used('b'), at.inner.used('c')]).toEqual([0, 3, 1])
    expect(at.kept.length).toBeGreaterThan(0)
  })
})
