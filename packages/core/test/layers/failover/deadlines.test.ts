// How long a request waits for the store.
import { stack } from '@sluice/core/store-kit'
import { fakeClock } from '@sluice/testing'
import { describe, expect, test } from 'vitest'
import { charge, consumeNow, consumeOne, flushPromises, HUNDRED, openBreaker, remoteStore, setUp } from './lab.ts'

describe('the deadline', () => {
  test('trap: a dead Redis costs each request 300 ms to 10 s: it costs 50 ms, and nothing after the third batch', async () => {
    const at = setUp()
    at.inner.holdCalls()
    for (let i = 0; i < 3; i++) {
      const answer = consumeOne(at.store, charge('a', HUNDRED))
      at.clock.advance(49)
      await flushPromises()
      expect(at.clock.monotonic() % 50).not.toBe(0)
      at.clock.advance(1)
      expect(await answer).toMatchObject({ source: 'local', allowed: true })
    }
    const before = at.inner.calls.length
    expect(consumeNow(at.store, charge('a', HUNDRED))).toMatchObject({ source: 'local', remaining: 46 })
    expect(at.inner.calls.length).toBe(before)
  })

  test('batches that are due within one millisecond share a timer; a later one has its own', async () => {
    const at = setUp()
    at.inner.holdCalls()
    const sources: unknown[] = []
    const ask = () => void consumeOne(at.store, charge('a')).then(({ source }) => sources.push(source))
    ask()
    at.clock.advance(0.6)
    ask()
    at.clock.advance(0.6)
    ask()
    // The first is due at 50 ms, the others 0.6 and 1.2 ms later.
    at.clock.advance(50 - at.clock.monotonic())
    await flushPromises()
    expect(sources).toEqual(['local', 'local'])
    at.clock.advance(1.2)
    await flushPromises()
    expect(sources).toEqual(['local', 'local', 'local'])
  })

  test.each([
    ['answered', 'redis', 0],
    ['refused by the store', 'local', 1],
  ])('a request that was %s is not decided again when the rest of its batch is late', async (name, source, units) => {
    const at = setUp()
    if (name !== 'answered') at.inner.fail({})
    const first = consumeOne(at.store, charge('a'))
    at.inner.holdCalls()
    const second = consumeOne(at.store, charge('b'))
    expect(await first).toMatchObject({ source })
    at.clock.advance(60)
    expect(await second).toMatchObject({ source: 'local' })
    await openBreaker(at)
    // Half of the limit is local: 5 units, of which this charge takes one.
    expect(consumeNow(at.store, charge('a'))).toMatchObject({ source: 'local', remaining: 5 - units - 1 })
  })

  test.each([
    ['an answer that arrives in the turn after it is not late', true, 'redis'],
    ['an answer that has not arrived by then is late', false, 'local'],
  ])('%s', async (_name, arrives, source) => {
    const clock = fakeClock()
    const inner = remoteStore(clock)
    // As in a runtime, a timer of 0 ms fires in the next turn.
    const after = (ms: number, run: () => void) => clock.after(Math.max(1, ms), run)
    const store = stack(inner, { failover: { instances: 2 }, denyCache: false }, { clock: { ...clock, after } })
    inner.holdAnswers()
    const answer = consumeOne(store, charge('a'))
    clock.advance(1)
    clock.advance(50)
    if (arrives) inner.deliver()
    await flushPromises()
    clock.advance(1)
    expect((await answer).source).toBe(source)
  })
})
