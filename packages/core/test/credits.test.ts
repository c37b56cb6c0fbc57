import {
  concurrency,
  createLimiter,
  type Decision,
  type DecisionFacts,
  denyCache,
  fixedWindow,
  leakyBucket,
  memoryStore,
  slidingWindow,
  type Store,
  tokenBucket,
} from '@sluice/core'
import { fakeClock } from '@sluice/testing'
import { describe, expect, it, vi } from 'vitest'
import { charge, consumeOne, openBreaker, setUp, TEN } from './layers/failover/lab.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const hour = slidingWindow({ name: 'hour', limit: 100, window: '1h' })
const tokens = tokenBucket({ name: 'tokens', limit: 10, window: '1m' })
const slots = concurrency({ name: 'slots', limit: 3, ttl: '1m' })
const queue = leakyBucket({ name: 'queue', limit: 10, window: '1m', queue: true, maxDelay: '1m' })

const store = () => memoryStore({ clock: fakeClock(1_700_000_000_000) })
const used = (decision: Decision<any>) => decision.outcomes.map((outcome) => outcome?.used)

describe('Pd: credit', () => {
  it('Pd: gives units back without a decision, and decides as penalize does', async () => {
    const onDecision = vi.fn<(decision: Decision, facts: DecisionFacts) => void>()
    const limiter = createLimiter({ limits: [minute(10), hour, tokens], store: store(), on: { decision: onDecision } })
    void limiter.penalize('u', { cost: 8 })
    const decision = limiter.credit('u', { cost: 5 }) as Decision
    expect(decision).toMatchObject({ allowed: true, verdict: 'allowed', remaining: 7, granted: 0, retryAfter: 0, source: 'memory' })
    expect(used(decision)).toEqual([3, 3, 3])
    expect(decision.outcomes.map((outcome) => outcome?.granted)).toEqual([-5, -5, -5])
    await vi.waitFor(() => expect(onDecision).toHaveBeenLastCalledWith(decision, expect.objectContaining({ how: 'credit' })))
    expect(used(limiter.credit('u') as Decision)).toEqual([2, 2, 2])
  })

  it('Pd: never leaves more than the limit, and a subject without a state gets none', () => {
    const memory = store()
    const limiter = createLimiter({ limits: [minute(10), hour], store: memory })
    void limiter.consume('u', { cost: 3 })
    expect(limiter.credit('u', { cost: 1_000 })).toMatchObject({ remaining: 10, outcomes: [{ granted: -3 }, { granted: -3 }] })
    expect(limiter.consume('u', { cost: 11 })).toMatchObject({ allowed: false })
    expect(limiter.credit('nobody', { cost: 5 })).toMatchObject({ remaining: 10, outcomes: [{ granted: 0 }, { granted: 0 }] })
    expect(limiter.reset('nobody')).toBe(false)
  })

  it('Pd: with a cost by limit, the limits that it leaves out stay as they are', () => {
    const limiter = createLimiter({ limits: [minute(10), hour, slots, queue], store: store() })
    void limiter.consume('u', { cost: { minute: 5, hour: 5, queue: 2 } })
    const decision = limiter.credit('u', { cost: { minute: 2 } }) as Decision
    expect(decision.charges.map(({ limit, cost }) => [limit.name, cost])).toEqual([['minute', -2]])
    expect(used(limiter.peek('u', { cost: 0 }) as Decision)).toEqual([3, 5, 1, 2])
    expect(limiter.credit('u', { cost: {} })).toMatchObject({ allowed: true, source: 'none', outcomes: [] })
    expect(limiter.credit({ minute: 'u' }, { cost: { minute: 1 } })).toMatchObject({ remaining: 8 })
  })

  it('Pd: a queue and a concurrency limit are refused with what to do', () => {
    const mixed = createLimiter({ limits: [slots, queue, minute(10)], store: store() })
    expect(() => mixed.credit('u', { cost: 1 })).toThrow(
      /limiter "default": credit: expected limits that count units, got "slots", whose units each belong to a request; name the others, such as \{ cost: \{ minute: 1 \} \}.*ERR_OPTION_CONFLICT/,
    )
    expect(() => mixed.credit('u', { cost: { queue: 1 } })).toThrow(/got "queue".*ERR_OPTION_CONFLICT/)
    expect(() => createLimiter({ limits: [slots], store: store() }).credit('u')).toThrow(/refund or release the decision instead/)
  })

  it.each([
    [{ cost: -1 }, 'ERR_COST_INVALID'],
    [{ cost: 1.5 }, 'ERR_COST_INVALID'],
    [{ cost: { other: 1 } }, 'ERR_COST_INVALID'],
    [{ units: 1 }, 'ERR_OPTION_UNKNOWN'],
    [{ cost: 3, atLeast: 1 }, 'ERR_OPTION_UNKNOWN'],
    [5, 'ERR_COST_INVALID'],
  ])('Pd: refuses %j', (options, code) => {
    const limiter = createLimiter({ limits: [minute(10)], store: store() })
    expect(() => limiter.credit('u', options as never)).toThrow(expect.objectContaining({ code }))
    expect(() => limiter.credit('', {})).toThrow(expect.objectContaining({ code: 'ERR_SUBJECT_INVALID' }))
  })

  it('Pd: decides nothing with mode off, and counts apart in mode shadow', () => {
    const off = createLimiter({ limits: [minute(10)], store: store(), mode: 'off' })
    expect(off.credit('u')).toMatchObject({ allowed: true, mode: 'off', outcomes: [] })
    const shadow = createLimiter({ limits: [minute(10)], store: store(), mode: 'shadow' })
    void shadow.consume('u', { cost: 4 })
    expect(shadow.credit('u', { cost: 3 })).toMatchObject({ mode: 'shadow', remaining: 9 })
  })

  it('Pd: a blocked subject is credited, and stays blocked', () => {
    const limiter = createLimiter({ limits: [minute(10)], store: store() })
    void limiter.consume('u', { cost: 4 })
    void limiter.block('u', '1h')
    expect(limiter.credit('u', { cost: 3 })).toMatchObject({ verdict: 'allowed', remaining: 9 })
    expect(limiter.consume('u')).toMatchObject({ verdict: 'blocked' })
  })

  it('Pd: nothing is settled of a credit, which belongs to no request', () => {
    const limiter = createLimiter({ limits: [minute(10)], store: store() })
    void limiter.penalize('u', { cost: 8 })
    const credit = limiter.credit('u', { cost: 5 }) as Decision<any>
    void limiter.refund(credit)
    void limiter.settle(credit, 2)
    expect(limiter.peek('u', { cost: 0 })).toMatchObject({ remaining: 7 })
  })

  it('Pd: after resetAll, a credit is of the counts since then', async () => {
    const limiter = createLimiter({ limits: [minute(10)], store: store() })
    void limiter.consume('u', { cost: 4 })
    await limiter.resetAll()
    void limiter.consume('u', { cost: 3 })
    expect(limiter.credit('u', { cost: 1 })).toMatchObject({ remaining: 8, outcomes: [{ granted: -1 }] })
  })

  it('Pd: a waiting call goes on when units come back', async () => {
    const clock = fakeClock(1_700_000_000_000)
    const limiter = createLimiter({ limits: [minute(1)], store: memoryStore({ clock }) })
    void limiter.consume('u')
    const waiting = limiter.wait('u')
    await vi.waitFor(() => expect(clock.pending).toBe(1))
    void limiter.credit('u')
    expect(await waiting).toMatchObject({ allowed: true })
    expect(clock.pending).toBe(0)
    void limiter.close()
  })

  it('Pd: the deny cache forgets the subject', async () => {
    const clock = fakeClock(1_700_000_000_000)
    const limiter = createLimiter({ limits: [minute(5)], store: denyCache(memoryStore({ clock }), { clock }) })
    await limiter.consume('u', { cost: 5 })
    for (const source of ['memory', 'deny-cache']) expect(await limiter.consume('u')).toMatchObject({ allowed: false, source })
    expect(await limiter.credit('u', { cost: 2 })).toMatchObject({ remaining: 2 })
    expect(await limiter.consume('u')).toMatchObject({ allowed: true, source: 'memory' })
  })

  it('Pd: with failover, a credit rejects while the store is away, and gives nothing back in this process', async () => {
    const at = setUp()
    await consumeOne(at.store, charge('a', TEN, 8))
    await openBreaker(at)
    const limiter = createLimiter({ name: 'p', limits: [fixedWindow({ name: 'ten', limit: 10, window: '1m' })], store: at.store })
    const before = await consumeOne(at.store, charge('a', TEN, 1))
    await expect(async () => limiter.credit('a', { cost: 5 })).rejects.toThrow('away')
    expect((await consumeOne(at.store, charge('a', TEN, 0))).used).toBe(before.used)
  })

  it.each(['open', 'closed', 'local'] as const)('Pd: over a store without failover, %s does not hide its failure', async (failMode) => {
    const failing: Store = { name: 'mine', consume: () => Promise.reject(new Error('ECONNREFUSED')), reset: () => undefined }
    const limiter = createLimiter({ limits: [minute(10)], store: failing, failMode, on: { warning: () => undefined } })
    await expect(async () => limiter.credit('u')).rejects.toThrow('ECONNREFUSED')
  })
})
