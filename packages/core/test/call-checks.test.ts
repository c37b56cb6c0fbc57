import { ERRORS_PAGE } from '../src/errors-page.ts'
import { createLimiter, type Decision, fixedWindow, isSluiceError, memoryStore, type StoreEvent, tokenBucket } from '@sluice/core'
import { describe, expect, it, vi } from 'vitest'

const minute = fixedWindow({ name: 'minute', limit: 10, window: '1m' })
const tokens = tokenBucket({ name: 'tokens', limit: 1_000, window: '1m' })

function limiterOf(options: object = {}) {
  const warning = vi.fn<(event: StoreEvent) => void>()
  const limiter = createLimiter({ name: 'api', limits: [minute, tokens], store: memoryStore(), on: { warning }, ...options })
  return { limiter: limiter as unknown as Record<string, (...args: unknown[]) => Decision>, warning }
}

function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (isSluiceError(error)) return `${error.code} ${error.message}`
  }
  return 'nothing was refused'
}

describe('D17: what JavaScript passes is charged as it says, or refused', () => {
  it.each(['consume', 'peek', 'penalize', 'credit'])('%s', (method) => {
    const { limiter } = limiterOf()
    const call = (options: unknown) => refusal(() => limiter[method]?.('u', options))
    expect(call(5)).toContain(`ERR_COST_INVALID limiter "api": ${method}: expected options such as { cost: 5 }, got 5`)
    expect(call({ points: 5 })).toContain(`ERR_OPTION_UNKNOWN limiter "api": ${method}: "points" is not an option; use cost`)
    expect(call({ costs: 5 })).toContain('"costs" is not an option; use cost')
    expect(call({ cost: 1, plan: 'free' })).toContain('"plan" is not an option; use tier')
    expect(call({ nonsense: 1 })).toContain('expected one of cost, tier')
    expect(call('5')).toContain('ERR_OPTION_INVALID')
    expect(call(null)).toContain('ERR_OPTION_INVALID')
    expect(call([])).toContain('ERR_OPTION_INVALID')
    expect(call({ cost: { tokns: 5 } })).toContain('ERR_COST_INVALID limiter "api": cost: expected the name of a limit (minute, tokens)')
    expect(limiter['peek']?.('u').remaining).toBe(10)
  })

  it('M2: atLeast', () => {
    const { limiter } = limiterOf()
    for (const method of ['consume', 'peek']) {
      const call = (options: unknown) => refusal(() => limiter[method]?.('u', options))
      for (const atLeast of [0, -1, 1.5, Number.NaN, '1', 6, null])
        expect(call({ cost: 5, atLeast })).toContain(
          'ERR_COST_INVALID limiter "api": atLeast: expected a whole number from 1 to the cost, 5',
        )
      expect(call({ atLeast: 2 })).toContain('from 1 to the cost, 1')
      expect(call({ cost: { tokens: 5 }, atLeast: 1 })).toContain('ERR_COST_INVALID limiter "api": cost: expected a number beside atLeast')
    }
    expect(refusal(() => limiter['penalize']?.('u', { cost: 5, atLeast: 1 }))).toContain('ERR_OPTION_UNKNOWN')
    expect(limiter['peek']?.('u').remaining).toBe(10)
  })

  it('settle, refund, release, renew and reset', () => {
    const { limiter } = limiterOf()
    const decision = limiter['consume']?.('u')
    expect(refusal(() => limiter['settle']?.(decision, { tokns: 5 }))).toContain('ERR_COST_INVALID')
    expect(refusal(() => limiter['settle']?.(decision))).toContain('ERR_COST_INVALID')
    for (const method of ['settle', 'refund', 'release', 'renew'])
      expect(refusal(() => limiter[method]?.('u', 5))).toContain('ERR_DECISION_FOREIGN')
    expect(refusal(() => limiter['reset']?.({ minut: 'u' }))).toContain('ERR_SUBJECT_INVALID')
    expect(limiter['peek']?.('u').remaining).toBe(9)
  })

  it('an unknown tier is reported once, with the name that was meant', () => {
    const { limiter, warning } = limiterOf({ tiers: { free: [minute], premium: [tokens] } })
    for (let i = 0; i < 3; i++) limiter['consume']?.('u', { tier: 'premum' })
    expect(warning).toHaveBeenCalledOnce()
    expect(warning.mock.calls[0]?.[0]).toMatchObject({
      code: 'WARN_TIER_DEFAULTED',
      message:
        'limiter "api": no limits for tier "premum", so the limits beside the tiers apply; did you mean "premium"? (WARN_TIER_DEFAULTED, see ' +
        ERRORS_PAGE +
        ')',
    })
    const others = limiterOf({ tiers: { free: [minute] } })
    others.limiter['peek']?.('u', { tier: 'gold' })
    expect(others.warning.mock.calls[0]?.[0]).toMatchObject({ message: expect.stringContaining('"gold", so the limits beside') })
    const none = limiterOf()
    none.limiter['consume']?.('u', { tier: 'gold' })
    expect(none.warning.mock.calls[0]?.[0]).toMatchObject({ message: expect.stringContaining('this limiter has no tiers') })
    // No tier at all is no mistake.
    const base = limiterOf({ tiers: { free: [minute] } })
    base.limiter['consume']?.('u')
    expect(base.warning).not.toHaveBeenCalled()
  })
})

describe('newcomer 23', () => {
  it('a window or a ttl that is a number below a second is reported once for each limit', () => {
    const { warning } = limiterOf({
      limits: [fixedWindow({ name: 'a', limit: 1, window: 60 }), fixedWindow({ name: 'b', limit: 1, window: '60ms' })],
    })
    expect(warning.mock.calls.map(([event]) => event)).toEqual([
      expect.objectContaining({ code: 'WARN_WINDOW_SHORT', message: expect.stringContaining(`limit "a": a duration of 60 is 60 ms`) }),
    ])
  })

  it('an empty list of limits is refused, but not beside tiers', () => {
    expect(refusal(() => createLimiter({ limits: [] }))).toContain('ERR_OPTION_INVALID limits: expected at least one limit')
    expect(refusal(() => createLimiter({ limits: [], tiers: { free: [minute] } }))).toBe('nothing was refused')
  })
})

it('Pb: a limit of 0 is no cost that is too large', () => {
  const { limiter, warning } = limiterOf({ limits: [fixedWindow({ name: 'none', limit: 0, window: '1m' })] })
  expect(limiter['consume']?.('u')).toMatchObject({ allowed: false, retryAfter: Infinity, resetAfter: 0 })
  expect(limiter['peek']?.('u')).toMatchObject({ allowed: false, remaining: 0 })
  expect(limiter['peek']?.('u', { cost: 0 })).toMatchObject({ allowed: true })
  expect(warning).not.toHaveBeenCalled()
})
