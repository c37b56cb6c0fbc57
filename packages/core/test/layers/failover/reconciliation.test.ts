// What is charged when the store is back.
import { concurrency, type Outcome, tokenBucket } from '@sluice/core'
import { describe, expect, test } from 'vitest'
import {
  charge,
  consumeLate,
  consumeNow,
  consumeOne,
  flushPromises,
  healAndWait,
  HUNDRED,
  openBreaker,
  passTime,
  setUp,
  waitForProbe,
} from './lab.ts'

describe('a charge in doubt', () => {
  test('is decided here, and not charged at recovery', async () => {
    const at = setUp()
    at.inner.holdAnswers()
    for (let i = 0; i < 3; i++) expect(await consumeLate(at, charge('a'))).toMatchObject({ source: 'local' })
    expect(at.store.health?.().breaker).toBe('open')
    at.inner.deliver()
    await healAndWait(at)
    expect([at.store.health?.().breaker, at.inner.used('a')]).toEqual(['closed', 3])
  })

  test('is given back if it was refused here and the answer comes late', async () => {
    const at = setUp({ instances: 10 })
    at.inner.holdAnswers()
    expect(await consumeLate(at, charge('a'))).toMatchObject({ allowed: true })
    expect(await consumeLate(at, charge('a'))).toMatchObject({ allowed: false, source: 'local' })
    expect(at.inner.used('a')).toBe(2)
    at.inner.deliver()
    await flushPromises()
    expect(at.inner.used('a')).toBe(1)
  })

  test("stays if it was forced, though failMode: 'closed' refused it here", async () => {
    const at = setUp()
    at.inner.holdAnswers()
    const penalty = await consumeLate(at, charge('a', undefined, 3), { how: 'force', failMode: 'closed' })
    expect(penalty).toMatchObject({ source: 'closed', allowed: false })
    at.inner.deliver()
    await flushPromises()
    expect(at.inner.used('a')).toBe(3)
  })

  test('is given back if it took a holder, which no process would release', async () => {
    const at = setUp()
    const slots = concurrency({ name: 'slots', limit: 4, ttl: '1m' }).limit
    at.inner.holdAnswers()
    const held = await consumeLate(at, charge('a', slots))
    expect([held.source, held.allowed, at.inner.used('a', slots)]).toEqual(['local', true, 1])
    at.inner.deliver()
    await flushPromises()
    expect(at.inner.used('a', slots)).toBe(0)
  })
})

describe('the deficit', () => {
  test('trap: recovery charges all that was spent during an outage: it charges what the local share lacks now', async () => {
    const at = setUp({ instances: 1 })
    const bucket = tokenBucket({ name: 'bucket', limit: 60, window: '1m' }).limit
    await openBreaker(at)
    let spent = 0
    for (let second = 0; second < 600; second++) {
      at.clock.advance(1_000)
      for (let i = 0; i < 3; i++) spent += (consumeNow(at.store, charge('a', bucket)) as Outcome).granted
    }
    expect(spent).toBeGreaterThan(600)
    at.clock.advance(20_000)
    await healAndWait(at)
    expect(at.store.health?.().breaker).toBe('closed')
    expect(at.inner.used('a', bucket)).toBeLessThanOrEqual(60 - 20)
    expect(await consumeOne(at.store, charge('a', bucket))).toMatchObject({ allowed: true, source: 'redis' })
  })

  test('is charged once, by force, without what the store had charged before', async () => {
    const at = setUp({ instances: 2 })
    await consumeOne(at.store, charge('a', HUNDRED, 80))
    await openBreaker(at)
    consumeNow(at.store, charge('a', HUNDRED, 4))
    await healAndWait(at)
    expect(at.inner.used('a', HUNDRED)).toBe(84)
    await openBreaker(at)
    await healAndWait(at)
    expect(at.inner.used('a', HUNDRED)).toBe(84)
  })

  test("is not charged with reconcile: 'forget'", async () => {
    const at = setUp({ instances: 2, reconcile: 'forget' })
    await openBreaker(at)
    consumeNow(at.store, charge('a', HUNDRED, 4))
    await healAndWait(at)
    expect([at.store.health?.().breaker, at.inner.used('a', HUNDRED)]).toEqual(['closed', 0])
  })

  test('leaves out what was given back here, and what is in doubt', async () => {
    const at = setUp({ instances: 1 })
    at.inner.holdAnswers()
    const inDoubt = await consumeLate(at, charge('a', HUNDRED, 3))
    await openBreaker(at)
    const kept = consumeNow(at.store, charge('a', HUNDRED, 10)) as Outcome
    const refunded = consumeNow(at.store, charge('a', HUNDRED, 20)) as Outcome
    for (const { receipt, granted } of [inDoubt, refunded]) await consumeOne(at.store, { ...charge('a', HUNDRED, -granted), receipt })
    at.inner.deliver()
    await healAndWait(at)
    expect([kept.granted, at.inner.used('a', HUNDRED)]).toEqual([10, 13])
  })

  test('of a single failure is charged with the next success', async () => {
    const at = setUp({ instances: 2 })
    at.inner.fail({})
    await consumeOne(at.store, charge('a', HUNDRED, 4))
    at.clock.advance(1)
    at.inner.heal()
    await consumeOne(at.store, charge('b'))
    at.clock.advance(1)
    await flushPromises()
    expect(at.inner.used('a', HUNDRED)).toBe(4)
  })

  test('is charged 128 subjects at a time', async () => {
    const at = setUp({ instances: 1 })
    await openBreaker(at)
    for (let i = 0; i < 1_000; i++) consumeNow(at.store, charge(`s${i}`))
    at.inner.holdCalls()
    await waitForProbe(at)
    const before = at.inner.calls.length
    at.inner.deliver()
    await flushPromises()
    expect(at.inner.calls.length - before).toBe(128)
    at.inner.heal()
    at.inner.deliver()
    for (let i = 0; i < 100; i++) await flushPromises()
    expect([at.store.health?.().breaker, at.inner.used('s999')]).toEqual(['closed', 1])
  })

  test('is charged again after a failure, unless the store may have charged it: that is reported', async () => {
    const at = setUp({ instances: 2 })
    await openBreaker(at)
    consumeNow(at.store, charge('a', HUNDRED, 4))
    at.inner.holdCalls()
    await waitForProbe(at)
    at.inner.fail({})
    at.inner.deliver()
    await flushPromises()
    expect(at.store.health?.().breaker).toBe('open')
    await healAndWait(at)
    expect([at.store.health?.().breaker, at.inner.used('a', HUNDRED)]).toEqual(['closed', 4])
    await openBreaker(at)
    consumeNow(at.store, charge('a', HUNDRED, 4))
    at.inner.holdCalls()
    await waitForProbe(at)
    at.inner.fail({ unknown: true })
    at.inner.deliver()
    await flushPromises()
    expect(at.events.filter(({ type }) => type === 'anomaly')).toMatchObject([{ code: 'ANOMALY_UNRECONCILED' }])
    await healAndWait(at)
    expect(at.inner.used('a', HUNDRED)).toBe(4)
  })

  test('of a subject that was reset is not charged', async () => {
    const at = setUp({ instances: 2 })
    await openBreaker(at)
    consumeNow(at.store, charge('a', HUNDRED, 4))
    expect(await at.store.reset([charge('a', HUNDRED)])).toBe(true)
    expect(await at.store.reset([charge('a', HUNDRED)])).toBe(false)
    expect(consumeNow(at.store, charge('a', HUNDRED, 0))).toMatchObject({ remaining: 50 })
    await healAndWait(at)
    expect(at.inner.used('a', HUNDRED)).toBe(0)
  })
})

describe('D02: a give-back that the store did not get', () => {
  const slots = concurrency({ name: 'slots', limit: 3, ttl: '10m' }).limit
  const three = async (at: ReturnType<typeof setUp>) => [
    await consumeOne(at.store, charge('a', slots)),
    await consumeOne(at.store, charge('a', slots)),
    await consumeOne(at.store, charge('a', slots)),
  ]

  test('a release while the breaker is open is made at recovery', async () => {
    const at = setUp()
    const held = await three(at)
    await openBreaker(at)
    for (const { receipt } of held) consumeNow(at.store, { ...charge('a', slots, -1), receipt })
    // A second release of one holder releases nobody else.
    consumeNow(at.store, { ...charge('a', slots, -1), receipt: held[0]?.receipt })
    expect(at.inner.used('a', slots)).toBe(3)
    await healAndWait(at)
    expect(at.inner.used('a', slots)).toBe(0)
    expect(await consumeOne(at.store, charge('a', slots))).toMatchObject({ allowed: true, source: 'redis' })
    expect(at.inner.calls.filter(({ charges }) => (charges[0]?.cost ?? 0) < 0)).toHaveLength(3)
  })

  test('a late release is made again, without an outage and without a further request', async () => {
    const at = setUp()
    const [first] = await three(at)
    at.inner.holdCalls()
    await consumeLate(at, { ...charge('a', slots, -1), receipt: first?.receipt })
    expect(at.store.health?.().breaker).toBe('closed')
    at.inner.heal()
    await passTime(at.clock, 1_000)
    expect(at.inner.used('a', slots)).toBe(2)
    // The first one arrives in the end, and releases nobody else.
    at.inner.deliver()
    await flushPromises()
    expect(at.inner.used('a', slots)).toBe(2)
    await at.store.close?.()
    expect(at.clock.pending).toBe(0)
  })

  test('units that were not given back are, once; units in doubt are not', async () => {
    const at = setUp()
    const sent = await consumeOne(at.store, charge('a', HUNDRED, 30))
    const doubtful = await consumeOne(at.store, charge('b', HUNDRED, 30))
    at.inner.fail({ unknown: true })
    await consumeOne(at.store, { ...charge('b', HUNDRED, -30), receipt: doubtful.receipt })
    await openBreaker(at)
    consumeNow(at.store, { ...charge('a', HUNDRED, -20), receipt: sent.receipt }, { how: 'force' })
    await healAndWait(at)
    expect([at.inner.used('a', HUNDRED), at.inner.used('b', HUNDRED)]).toEqual([10, 30])
  })

  test('each of several give-backs of one window is made', async () => {
    const at = setUp()
    const first = await consumeOne(at.store, charge('a', HUNDRED, 1))
    const second = await consumeOne(at.store, charge('a', HUNDRED, 1))
    expect(first.receipt).toEqual(second.receipt)
    await openBreaker(at)
    for (const { receipt } of [first, second]) consumeNow(at.store, { ...charge('a', HUNDRED, -1), receipt }, { how: 'force' })
    await healAndWait(at)
    expect(at.inner.used('a', HUNDRED)).toBe(0)
  })

  test('no more are remembered than maxSubjects, and the latest count', async () => {
    const at = setUp({ instances: 1, maxSubjects: 2 })
    const held = await three(at)
    await openBreaker(at)
    for (const { receipt } of held) consumeNow(at.store, { ...charge('a', slots, -1), receipt })
    await healAndWait(at)
    expect(at.inner.used('a', slots)).toBe(1)
  })
})
