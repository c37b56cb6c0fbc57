// Blocks through the layers: how soon each layer of another process sees one, or its end.
import { type BlockChange, type Charge, createLimiter, denyCache, fixedWindow, leases, memoryStore, type Store } from '@sluice/core'
import { fakeClock } from '@sluice/testing'
import { describe, expect, test, vi } from 'vitest'
import { LocalShare } from '../../src/layers/failover/local-share.ts'
import { charge, consumeOne, setUp } from './failover/lab.ts'
import * as leasing from './leases/lab.ts'

const HOUR = 3_600_000
const minute = fixedWindow({ name: 'minute', limit: 10, window: '1m' })

describe('the deny cache', () => {
  test('repeats a block without a call, until its end, and forgets it when this process ends it', async () => {
    const clock = fakeClock()
    const memory = memoryStore({ clock })
    const store = denyCache(memory, { clock })
    const limiter = createLimiter({ limits: [minute], store })
    const until = await limiter.block('ann', 1_500)
    expect(await limiter.consume('ann')).toMatchObject({ verdict: 'blocked', source: 'memory' })
    clock.advance(900)
    expect(await limiter.consume('ann')).toMatchObject({ verdict: 'blocked', source: 'deny-cache', retryAfter: 600, resetAt: until })
    // Also for a cost that no limit would ever admit.
    expect(await limiter.consume('ann', { cost: 99 })).toMatchObject({ verdict: 'blocked', retryAfter: 600 })
    expect(await limiter.unblock('ann')).toBe(true)
    expect(await limiter.consume('ann')).toMatchObject({ verdict: 'allowed' })
  })

  test('holds back an unblock of another process for at most 1 s, and a block never', async () => {
    const clock = fakeClock()
    const memory = memoryStore({ clock })
    const here = createLimiter({ limits: [minute], store: denyCache(memory, { clock }) })
    const elsewhere = createLimiter({ limits: [minute], store: memory })
    await here.consume('ann')
    await elsewhere.block('ann', '1h')
    expect(await here.consume('ann')).toMatchObject({ verdict: 'blocked', source: 'memory' })
    await elsewhere.unblock('ann')
    clock.advance(999)
    expect(await here.consume('ann')).toMatchObject({ verdict: 'blocked', source: 'deny-cache' })
    clock.advance(1)
    expect(await here.consume('ann')).toMatchObject({ verdict: 'allowed' })
  })
})

describe('leases', () => {
  const blockHere = (store: Store, ms: number) => Promise.resolve(store.block?.([leasing.charge()], ms) as BlockChange)

  test('the process that blocks a subject stops spending its leases at once, and gives them back', async () => {
    const store = await leasing.leasedStore()
    const before = leasing.returns().length
    await blockHere(store, HOUR)
    expect(leasing.returns().length).toBeGreaterThan(before)
    expect(await leasing.consumeOne(store)).toMatchObject({ allowed: false, blocked: true })
    await blockHere(store, 0)
    expect(await leasing.consumeOne(store)).toMatchObject({ allowed: true })
  })

  test('another process stops at the end of the leases that it has, at most their ttl later, and gets no new ones', async () => {
    const store = await leasing.leasedStore()
    await leasing.lab.memory.block?.([leasing.charge()], HOUR)
    let ms = 0
    let lastSpent = 0
    for (; ms <= leasing.TTL + 50; ms += 5) {
      if (leasing.spendNow(store)?.allowed === true) lastSpent = ms
      await leasing.flushPromises()
      leasing.lab.clock.advance(5)
    }
    expect(lastSpent).toBeGreaterThan(0)
    expect(lastSpent).toBeLessThanOrEqual(leasing.TTL)
    expect(await leasing.consumeOne(store)).toMatchObject({ allowed: false, blocked: true })
  })

  test('the first answer that says blocked ends the leases of the subject in this process', async () => {
    const store = await leasing.leasedStore()
    await leasing.lab.memory.block?.([leasing.charge()], HOUR)
    // More than any lease has: the store decides.
    expect(await leasing.consumeOne(store, leasing.charge(leasing.WIDE, 900))).toMatchObject({ blocked: true })
    expect(leasing.spendNow(store)).toBeUndefined()
    expect(await leasing.consumeOne(store)).toMatchObject({ allowed: false, blocked: true })
  })

  test('a blocked subject requests no lease at each decision', async () => {
    const store = await leasing.leasedStore()
    await blockHere(store, HOUR)
    const before = leasing.requests().length
    for (let i = 0; i < 100; i++) await leasing.consumeOne(store)
    expect(leasing.requests().length - before).toBeLessThan(5)
  })

  test('a store without block keeps none', () => {
    const { block: _, ...rest } = memoryStore()
    expect(leases(rest as Store).block).toBeUndefined()
    expect(denyCache(rest as Store).block).toBeUndefined()
  })
})

describe('failover', () => {
  const ann = charge('ann')
  const blockAt = (store: Store, charges: readonly Charge[], ms: number) => Promise.resolve(store.block?.(charges, ms) as BlockChange)

  test('while the store is away, a subject that this process blocked, or saw blocked, stays blocked until its end', async () => {
    const { store, inner, clock } = setUp()
    await blockAt(store, [ann], HOUR)
    await inner.block?.([charge('seen')], HOUR)
    expect(await consumeOne(store, charge('seen'))).toMatchObject({ blocked: true, source: 'redis' })
    await inner.block?.([charge('unseen')], HOUR)
    inner.fail({})
    expect(await consumeOne(store, ann)).toMatchObject({ allowed: false, blocked: true, source: 'local', retryAfter: HOUR })
    expect(await consumeOne(store, charge('seen'))).toMatchObject({ allowed: false, blocked: true, source: 'local' })
    expect(await consumeOne(store, charge('unseen'))).toMatchObject({ allowed: true, source: 'local' })
    expect(await consumeOne(store, ann, { failMode: 'open' })).toMatchObject({ allowed: true, source: 'open' })
    clock.advance(HOUR)
    expect(await consumeOne(store, ann)).toMatchObject({ allowed: true, source: 'local' })
  })

  test('what the store admits again is not blocked in the next outage', async () => {
    const { store, inner } = setUp()
    await blockAt(store, [ann], HOUR)
    await inner.block?.([ann], 0)
    expect(await consumeOne(store, ann, { how: 'force' })).toMatchObject({ allowed: true })
    expect(await consumeOne(store, ann)).toMatchObject({ allowed: true, source: 'redis' })
    inner.fail({})
    expect(await consumeOne(store, ann)).toMatchObject({ allowed: true, source: 'local' })
  })

  test('an answer that is no proof of the end of a block does not end it here', async () => {
    const { store, inner } = setUp()
    await blockAt(store, [ann], HOUR)
    await consumeOne(store, { ...ann, cost: 0 }, { how: 'credit' })
    inner.fail({})
    expect(await consumeOne(store, ann)).toMatchObject({ allowed: false, blocked: true, source: 'local' })
  })

  test('when the last block has ended, an answer of the store looks for none', async () => {
    const { store, clock } = setUp()
    await blockAt(store, [ann], HOUR)
    const block = vi.spyOn(LocalShare.prototype, 'block')
    await consumeOne(store, charge('bob'))
    expect(block).toHaveBeenCalledOnce()
    clock.advance(HOUR)
    await consumeOne(store, charge('bob'))
    expect(block).toHaveBeenCalledOnce()
    block.mockRestore()
  })

  test('block and unblock hold in this process though the store is away, and reject', async () => {
    const { store, inner } = setUp()
    inner.fail({})
    await expect(blockAt(store, [ann], HOUR)).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    expect(await consumeOne(store, ann)).toMatchObject({ allowed: false, blocked: true, source: 'local' })
    await expect(blockAt(store, [ann], 0)).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    expect(await consumeOne(store, ann)).toMatchObject({ allowed: true, source: 'local' })
  })

  test('a limiter over a store without failover has its own blocks during an outage', async () => {
    let isAway = false
    const memory = memoryStore()
    const store: Store = {
      ...memory,
      name: 'own',
      consume: (charges, options) => {
        if (isAway) throw new Error('away')
        return memory.consume(charges, options)
      },
      reset: () => undefined,
      block: (targets, ms) => memory.block?.(targets, ms) as BlockChange,
    }
    const limiter = createLimiter({ limits: [minute], store, failMode: 'local', on: { warning: () => undefined } })
    await limiter.block('ann', '1h')
    isAway = true
    expect(await limiter.consume('ann')).toMatchObject({ verdict: 'blocked', source: 'local' })
  })
})
