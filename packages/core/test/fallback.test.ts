import { concurrency, createLimiter, type Decision, fixedWindow, memoryStore, type Store, type StoreEvent } from '@sluice/core'
import { stack } from '@sluice/core/store-kit'
import { describe, expect, it, vi } from 'vitest'

const hour = (limit: number) => fixedWindow({ name: 'hour', limit, window: '1h' })

/** A store that fails while `cause` is set. */
function flaky(isAsync: boolean): Store & { cause: unknown } {
  const memory = memoryStore()
  const run = <T>(work: () => T): T | Promise<T> => {
    if (store.cause === undefined) return isAsync ? Promise.resolve(work()) : work()
    if (isAsync) return Promise.reject(store.cause)
    throw store.cause
  }
  const store: Store & { cause: unknown } = {
    name: 'mine',
    cause: undefined,
    consume: (charges, options) => run(() => memory.consume(charges, options)) as ReturnType<Store['consume']>,
    reset: (targets) => memory.reset(targets),
  }
  return store
}

describe.each([
  ['throws', false],
  ['rejects', true],
])('P5, D11: over a store without failover that %s', (_, isAsync) => {
  const setup = (failMode: 'open' | 'closed' | 'local' | undefined, limit = 2) => {
    const store = flaky(isAsync)
    const events: StoreEvent[] = []
    const observe = (event: StoreEvent) => void events.push(event)
    const limiter = createLimiter({
      limits: [hour(limit), concurrency({ name: 'slots', limit: 2, ttl: '1m' })],
      store,
      failMode,
      on: { warning: observe, tier: observe },
    })
    return { store, limiter, events }
  }

  it('open admits, closed refuses, local decides in this process, and without failMode the decision fails', async () => {
    for (const [mode, verdicts] of [
      ['open', ['allowed', 'allowed', 'allowed']],
      ['closed', ['unavailable', 'unavailable', 'unavailable']],
      ['local', ['allowed', 'allowed', 'refused']],
    ] as const) {
      const { store, limiter } = setup(mode)
      store.cause = new Error('ECONNREFUSED')
      const decisions = [await limiter.consume('u'), await limiter.consume('u'), await limiter.consume('u')]
      expect(decisions.map(({ verdict }) => verdict)).toEqual(verdicts)
      expect(decisions[0]).toMatchObject({ source: mode, allowed: mode !== 'closed' })
      expect((await limiter.peek('u')).verdict).toBe(verdicts[2])
      expect((await limiter.penalize('u')).source).toBe(mode)
    }
    const { store, limiter } = setup(undefined)
    store.cause = new Error('ECONNREFUSED')
    await expect(async () => await limiter.consume('u')).rejects.toBe(store.cause)
  })

  it('says once that the store is away and why, and once that it is back', async () => {
    const { store, limiter, events } = setup('open')
    await limiter.consume('u')
    store.cause = new Error('connect ECONNREFUSED')
    for (let i = 0; i < 3; i++) await limiter.consume('u')
    expect(limiter.health()).toMatchObject({ tier: 'open', cause: expect.stringContaining('ECONNREFUSED') })
    store.cause = undefined
    for (let i = 0; i < 3; i++) await limiter.consume('v')
    expect(limiter.health()).toEqual({ tier: 'mine', breaker: 'closed' })
    expect(events.map((event) => ('code' in event ? event.code : `${event.type} ${'to' in event ? event.to : ''}`))).toEqual([
      'WARN_STORE_AWAY',
      'tier open',
      'WARN_STORE_BACK',
      'tier mine',
    ])
    expect(events[0]).toMatchObject({ message: expect.stringContaining('mine does not decide: Error: connect ECONNREFUSED') })
  })

  it('gives back what was decided here in this process, and what the store took to the store', async () => {
    const { store, limiter } = setup('local')
    const before = await limiter.consume('u')
    store.cause = 'away'
    const during = await limiter.consume('u')
    expect(await limiter.renew(during)).toBe(true)
    expect(await limiter.renew(before)).toBe(true)
    await limiter.refund(during)
    expect(await limiter.renew(during)).toBe(false)
    expect((await limiter.peek('u')).outcomes.map((outcome) => outcome?.used)).toEqual([0, 0])
    store.cause = undefined
    await limiter.refund(before)
    expect((await limiter.peek('u')).outcomes.map((outcome) => outcome?.used)).toEqual([0, 0])
  })

  it('reports a give-back that the store did not get, and does not fail', async () => {
    const { store, limiter, events } = setup('closed')
    const decision = await limiter.consume('u')
    store.cause = new Error('gone')
    await limiter.release(decision)
    await limiter.refund(decision)
    expect(events.map((event) => 'code' in event && event.code)).toContain('WARN_SETTLE_FAILED')
  })

  it('gives nothing back of what open admitted', async () => {
    const { store, limiter } = setup('open')
    store.cause = new Error('gone')
    const decision = await limiter.consume('u', { cost: 2 })
    store.cause = undefined
    await limiter.settle(decision, 5)
    expect((await limiter.peek('u')).outcomes.map((outcome) => outcome?.used)).toEqual([0, 0])
  })

  it('a limiter that is derived for a route shares the fallback', async () => {
    const { store, limiter } = setup('local', 1)
    store.cause = new Error('gone')
    expect([(await limiter.consume('u')).allowed, (await limiter.consume('u')).allowed]).toEqual([true, false])
  })
})

it('P5: the mistake of a caller is not an outage', () => {
  const warning = vi.fn<(event: StoreEvent) => void>()
  const store: Store = {
    name: 'mine',
    consume: (charges, options) => memoryStore().consume(charges, options),
    reset: () => undefined,
  }
  const limiter = createLimiter({
    limits: [concurrency({ name: 'slots', limit: 1, ttl: '1m' })],
    store,
    failMode: 'open',
    on: { warning },
  })
  expect(() => limiter.consume('u', { cost: { slots: 2 } })).toThrow(expect.objectContaining({ code: 'ERR_COST_INVALID' }))
  expect(warning).not.toHaveBeenCalled()
})

it('P5: over a store with failover, the layer applies failMode', async () => {
  const store = stack(
    { ...flaky(true), consume: () => Promise.reject(Object.assign(new Error('away'), STORE_ERROR)) },
    { denyCache: false },
  )
  const limiter = createLimiter({ limits: [hour(1)], store, failMode: 'closed', on: { warning: () => undefined } })
  expect(await limiter.consume('u')).toMatchObject({ verdict: 'unavailable', source: 'closed' } satisfies Partial<Decision>)
  await store.close?.()
})

const STORE_ERROR = { shard: 'mine', batch: 1, unknown: false }
