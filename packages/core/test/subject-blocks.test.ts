// limiter.block() and unblock(): newcomer 8 and D1 of docs/cases.md. What each store does: packages/testing/src/conformance/blocks.ts.
import {
  concurrency,
  createLimiter,
  type Decision,
  denyCache,
  fixedWindow,
  isSluiceError,
  joinSubject,
  memoryStore,
  slidingWindow,
} from '@sluice/core'
import { consumeAcross } from '@sluice/core/store-kit'
import { fakeClock } from '@sluice/testing'
import { describe, expect, it } from 'vitest'

const minute = fixedWindow({ name: 'minute', limit: 10, window: '1m' })
const hour = slidingWindow({ name: 'hour', limit: 100, window: '1h' })

function blocking(options: Partial<Parameters<typeof createLimiter>[0]> = {}) {
  const clock = fakeClock()
  const store = memoryStore({ clock })
  const decisions: Decision[] = []
  const on = { decision: (decision: Decision) => void decisions.push(decision) }
  return { clock, store, decisions, limiter: createLimiter({ limits: [minute, hour], store, on, ...options }) }
}

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run()
    return 'none'
  } catch (error) {
    return isSluiceError(error) ? error.code : String(error)
  }
}

describe('newcomer 8: a subject is blocked by hand', () => {
  it('until the end that block returned, and decision, peek and observers say so', async () => {
    const { clock, limiter, decisions } = blocking()
    await limiter.consume('ann')
    const until = await limiter.block('ann', '1h')
    expect(until).toBe(clock.now() + 3_600_000)
    clock.advance(60_000)
    const reported = { allowed: false, verdict: 'blocked', remaining: 0, retryAfter: 3_540_000, resetAt: until, mode: 'enforce' }
    expect(await limiter.peek('ann')).toMatchObject(reported)
    const decision = await limiter.consume('ann')
    expect(decision).toMatchObject({ ...reported, binding: { name: 'minute' }, source: 'memory' })
    await limiter.settle(decision, 3)
    await limiter.refund(decision)
    expect(decisions.map(({ verdict }) => verdict)).toEqual(['allowed', 'blocked', 'blocked'])
    expect(await limiter.consume('bob')).toMatchObject({ verdict: 'allowed' })
    clock.advance(3_540_000)
    expect(await limiter.consume('ann')).toMatchObject({ verdict: 'allowed', remaining: 9 })
  })

  it('until unblock, which says whether it was; reset does not end it', async () => {
    const { limiter } = blocking()
    expect(await limiter.unblock('ann')).toBe(false)
    await limiter.block('ann', 1)
    await limiter.block('ann', '366d')
    await limiter.reset('ann')
    expect(await limiter.consume('ann')).toMatchObject({ verdict: 'blocked' })
    expect(await limiter.unblock('ann')).toBe(true)
    expect(await limiter.consume('ann')).toMatchObject({ verdict: 'allowed' })
  })

  it('and what it was admitted before goes on', async () => {
    const { limiter } = blocking({ limits: [minute, concurrency({ name: 'calls', limit: 2, ttl: '1m' })] })
    const before = await limiter.consume('ann', { cost: { minute: 5 } })
    await limiter.block('ann', '1h')
    expect(await limiter.renew(before)).toBe(true)
    await limiter.settle(before, { minute: 2 })
    expect(await limiter.penalize('ann')).toMatchObject({ verdict: 'allowed' })
    await limiter.unblock('ann')
    expect(await limiter.peek('ann', { cost: 0 })).toMatchObject({ outcomes: [{ remaining: 7 }, { remaining: 1 }] })
  })

  it('in mode shadow it is reported and not refused; in mode off nothing is decided', async () => {
    const shadow = blocking({ mode: 'shadow' }).limiter
    await shadow.block('ann', '1h')
    expect(await shadow.consume('ann')).toMatchObject({ allowed: true, verdict: 'blocked' })
    const off = blocking({ mode: 'off' }).limiter
    await off.block('ann', '1h')
    expect(await off.consume('ann')).toMatchObject({ allowed: true, verdict: 'allowed' })
  })

  it('in every tier that has limits', async () => {
    const { limiter } = blocking({ limits: [minute], tiers: { paid: [hour], staff: [] } })
    await limiter.block('ann', '1h')
    expect(await limiter.consume('ann')).toMatchObject({ verdict: 'blocked' })
    expect(await limiter.consume('ann', { tier: 'paid' })).toMatchObject({ verdict: 'blocked' })
    expect(await limiter.consume('ann', { tier: 'staff' })).toMatchObject({ verdict: 'allowed' })
  })

  it('under all limits, also if it was named for one, and as a list of parts', async () => {
    const { limiter } = blocking()
    await limiter.block({ hour: 'ann' }, '1h')
    expect(await limiter.consume({ minute: 'ann', hour: 'bob' })).toMatchObject({ verdict: 'blocked', binding: { name: 'minute' } })
    expect(await limiter.consume({ minute: 'bob', hour: 'bob' })).toMatchObject({ verdict: 'allowed' })
    await limiter.block(['a', 'b'], '1h')
    expect(await limiter.consume(joinSubject(['a', 'b']))).toMatchObject({ verdict: 'blocked' })
  })

  it('and another limiter on the store is not', async () => {
    const { limiter, store } = blocking()
    const other = createLimiter({ name: 'other', limits: [minute], store })
    await limiter.block('ann', '1h')
    expect(await other.consume('ann')).toMatchObject({ verdict: 'allowed' })
  })

  it('a decision over several stores is refused, and charges none of them', async () => {
    const { limiter, store, clock } = blocking()
    await limiter.block('ann', '1h')
    const [one, two] = (await limiter.peek('bob')).charges
    const elsewhere = memoryStore({ clock })
    const groups = [
      { store: elsewhere, charges: [one as never] },
      { store, charges: [{ ...(two as object), subject: 'ann' } as never] },
    ]
    expect(await consumeAcross(groups)).toMatchObject([{ granted: 0 }, { allowed: false, blocked: true }])
    expect(elsewhere.consume([one as never], { how: 'peek' })).toMatchObject([{ remaining: 10 }])
  })

  it('refuses what it cannot do, with a code', async () => {
    const { limiter, store } = blocking()
    for (const duration of [0, -1, 1.5, '0s', '367d', 'long', Number.NaN, undefined])
      expect(await codeOf(() => limiter.block('ann', duration as never))).toBe('ERR_OPTION_INVALID')
    for (const subject of ['', {}, { minuet: 'x' }, 7])
      expect(await codeOf(() => limiter.block(subject as never, '1h'))).toMatch(/ERR_SUBJECT_INVALID|ERR_BLOCK_UNSUPPORTED/)
    const { block: _, ...rest } = denyCache(store)
    const without = createLimiter({ name: 'without', limits: [minute], store: rest })
    expect(await codeOf(() => without.block('ann', '1h'))).toBe('ERR_BLOCK_UNSUPPORTED')
    expect(await codeOf(() => without.unblock('ann'))).toBe('ERR_BLOCK_UNSUPPORTED')
  })
})

describe('blocks in memory', () => {
  it('are bounded by maxSubjects: ended ones leave first, then the one that ends first', () => {
    const clock = fakeClock()
    const store = memoryStore({ maxSubjects: 100, clock })
    const limiter = createLimiter({ limits: [minute], store })
    for (let i = 0; i < 100; i++) void limiter.block(`short ${i}`, 10)
    clock.advance(10)
    for (let i = 0; i < 100; i++) void limiter.block(`long ${i}`, 1_000 + i)
    void limiter.block('more', '1h')
    const verdicts = ['long 0', 'long 1', 'long 99', 'more'].map((subject) => (limiter.peek(subject) as Decision).verdict)
    expect(verdicts).toEqual(['allowed', 'blocked', 'blocked', 'blocked'])
  })
})
