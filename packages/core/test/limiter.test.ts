import {
  concurrency,
  createLimiter,
  type Decision,
  fixedWindow,
  isSluiceError,
  memoryStore,
  type Outcome,
  setEnabled,
  slidingLog,
  slidingWindow,
  type Store,
  type StoreEvent,
  tokenBucket,
} from '@sluice/core'
import { afterEach, describe, expect, it, vi } from 'vitest'

const START = 1_700_000_000_000
function at(ms: number = START) {
  const clock = { ms, now: () => clock.ms }
  return clock
}
const perMinute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const codeOf = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    return isSluiceError(error) ? error.code : String(error)
  }
}

describe('consume', () => {
  it('is synchronous on the memory store, and can be awaited', async () => {
    const limiter = createLimiter({ limits: [perMinute(1)], store: memoryStore({ clock: at() }) })
    const decision = limiter.consume('u') as Decision
    expect(decision).toMatchObject({
      allowed: true,
      verdict: 'allowed',
      remaining: 0,
      policy: 'default',
      mode: 'enforce',
      source: 'memory',
    })
    expect(await limiter.consume('u')).toMatchObject({ allowed: false, verdict: 'refused', retryAfter: 40_000 })
  })

  it('says by the clock of the store when the binding limit is full again', () => {
    const clock = at(START + 0.25)
    const limits = [perMinute(5), fixedWindow({ name: 'hour', limit: 3, window: '1h' })]
    const limiter = createLimiter({ limits, tiers: { unlimited: [] }, store: memoryStore({ clock }) })
    const hour = Math.ceil(START / 3_600_000) * 3_600_000
    const decision = limiter.consume('u') as Decision
    expect(decision.binding?.name).toBe('hour')
    // Whole ms, rounded up like every duration: never too early.
    expect(decision.resetAt).toBeGreaterThanOrEqual(hour)
    expect(decision.resetAt).toBeLessThanOrEqual(hour + 1)
    clock.ms = START + 10_000
    expect(limiter.peek('u')).toMatchObject({ resetAt: hour })
    expect(limiter.consume('u', { tier: 'unlimited' })).toMatchObject({ binding: undefined, resetAt: 0 })
  })

  it('trap: a refusal by one limit takes nothing from the other', () => {
    const limiter = createLimiter({
      limits: [perMinute(100), fixedWindow({ name: 'strict', limit: 1, window: '1m' })],
      store: memoryStore({ clock: at() }),
    })
    void limiter.consume('u')
    for (let i = 0; i < 50; i++) {
      const { binding, outcomes } = limiter.consume('u') as Decision
      expect(binding?.name).toBe('strict')
      expect(outcomes[0]).toMatchObject({ allowed: true, remaining: 99, granted: 0, receipt: undefined })
    }
    expect((limiter.peek('u') as Decision).outcomes.map((outcome) => outcome?.remaining)).toEqual([99, 0])
  })

  it('takes a cost by limit: a missing name takes 1, and concurrency always takes 1', () => {
    const limiter = createLimiter({
      limits: [
        perMinute(10),
        tokenBucket({ name: 'tokens', limit: 1_000, window: '1m' }),
        concurrency({ name: 'slots', limit: 4, ttl: '1m' }),
      ],
      store: memoryStore({ clock: at() }),
    })
    const left = (decision: unknown) => (decision as Decision).outcomes.map((outcome) => outcome?.remaining)
    expect(left(limiter.consume('u', { cost: { tokens: 300 } }))).toEqual([9, 700, 3])
    expect(left(limiter.consume('u', { cost: 5 }))).toEqual([4, 695, 2])
    expect(left(limiter.consume('u', { cost: 0 }))).toEqual([4, 695, 1])
    expect(left(limiter.consume('u', { cost: { minute: 0, tokens: 0, slots: 0 } }))).toEqual([4, 695, 1])
  })

  it('takes a subject for each limit', () => {
    const limiter = createLimiter({
      limits: [perMinute(2), fixedWindow({ name: 'hour', limit: 3, window: '1h' })],
      store: memoryStore({ clock: at() }),
    })
    void limiter.consume({ minute: 'a', hour: 'x' })
    void limiter.consume({ minute: 'b', hour: 'x' })
    expect((limiter.peek({ minute: 'c', hour: 'x' }) as Decision).outcomes.map((outcome) => outcome?.remaining)).toEqual([2, 1])
    void limiter.reset({ hour: 'x' })
    expect((limiter.peek({ minute: 'a', hour: 'x' }) as Decision).outcomes.map((outcome) => outcome?.remaining)).toEqual([1, 3])
  })

  it('newcomer 6: peek takes the subject of one limit alone, as reset does', () => {
    const limiter = createLimiter({
      limits: [perMinute(2), fixedWindow({ name: 'hour', limit: 3, window: '1h' })],
      store: memoryStore({ clock: at() }),
    })
    void limiter.consume({ minute: 'a', hour: 'x' })
    expect(limiter.peek({ minute: 'a' })).toMatchObject({ remaining: 1, charges: [{ subject: 'a' }] })
    expect(codeOf(() => limiter.peek({}))).toBe('ERR_SUBJECT_MISSING')
    expect(codeOf(() => limiter.consume({ minute: 'a' }))).toBe('ERR_SUBJECT_MISSING')
  })

  it('Pf: a reset answers whether anything was counted', async () => {
    const limiter = createLimiter({
      limits: [perMinute(2), fixedWindow({ name: 'hour', limit: 3, window: '1h' })],
      store: memoryStore({ clock: at() }),
    })
    void limiter.consume({ minute: 'a', hour: 'x' })
    expect([
      limiter.reset('b'),
      limiter.reset({ hour: 'x' }),
      limiter.reset({ hour: 'x' }),
      limiter.reset('a'),
      limiter.reset('a'),
    ]).toEqual([false, true, false, true, false])
    const answering = (reset: Store['reset']) =>
      createLimiter({ limits: [perMinute(2)], store: { name: 'own', consume: () => [], reset } }).reset('a')
    expect([answering(() => true), answering(() => false), answering(() => undefined)]).toEqual([true, false, true])
    expect([await answering(async () => {}), await answering(async () => false)]).toEqual([true, false])
  })

  it('refuses a cost above the limit with an infinite retryAfter, and warns once', () => {
    const warning = vi.fn<(event: StoreEvent) => void>()
    const limiter = createLimiter({ limits: [perMinute(5)], store: memoryStore({ clock: at() }), on: { warning } })
    for (let i = 0; i < 3; i++) expect(limiter.consume('u', { cost: 6 })).toMatchObject({ allowed: false, retryAfter: Infinity })
    expect(warning.mock.calls.map(([event]) => event)).toEqual([expect.objectContaining({ type: 'warning', code: 'WARN_COST_NEVER' })])
    expect(limiter.consume('u', { cost: 5 })).toMatchObject({ allowed: true })
  })

  it('M2: atLeast takes what there is, the same number under every limit, and says how many', () => {
    const limits = [
      perMinute(100),
      tokenBucket({ name: 'burst', limit: 30, window: '1m' }),
      concurrency({ name: 'slots', limit: 4, ttl: '1m' }),
    ]
    const limiter = createLimiter({ limits, store: memoryStore({ clock: at() }) })
    const used = () => (limiter.peek('u', { cost: 0 }) as Decision).outcomes.map((outcome) => outcome?.used)
    expect(limiter.peek('u', { cost: 50, atLeast: 1 })).toMatchObject({ allowed: true, granted: 30 })
    expect(used()).toEqual([0, 0, 0])
    expect(limiter.consume('u', { cost: 20, atLeast: 1 })).toMatchObject({ granted: 20 })
    const part = limiter.consume('u', { cost: 20, atLeast: 1 }) as Decision<'minute' | 'burst' | 'slots'>
    expect(part).toMatchObject({ allowed: true, granted: 10, outcomes: [{ granted: 10 }, { granted: 10 }, { granted: 1 }] })
    expect(used()).toEqual([30, 30, 2])
    expect(limiter.consume('u', { cost: 20, atLeast: 1 })).toMatchObject({ allowed: false, granted: 0, retryAfter: 2_000 })
    void limiter.settle(part, 4)
    expect(used()).toEqual([24, 24, 1])
  })

  it('M2: granted is the whole cost where no limit counts, and the largest cost by limit', () => {
    const store = memoryStore({ clock: at() })
    const limits = [perMinute(5), fixedWindow({ name: 'tokens', limit: 1_000, window: '1m' })]
    const tiers = { unlimited: [] }
    const limiter = createLimiter({ name: 'a', limits, tiers, store })
    expect(limiter.consume('u')).toMatchObject({ granted: 1 })
    expect(limiter.consume('u', { cost: { tokens: 300 } })).toMatchObject({ granted: 300 })
    expect(limiter.consume('u', { cost: 50, atLeast: 1, tier: 'unlimited' })).toMatchObject({ allowed: true, granted: 50 })
    expect(limiter.consume('u', { cost: 50 })).toMatchObject({ allowed: false, granted: 0 })
    const shadow = createLimiter({ name: 'b', limits: [perMinute(5)], mode: 'shadow', store })
    expect(shadow.consume('u', { cost: 50, atLeast: 1 })).toMatchObject({ granted: 5 })
    expect(shadow.consume('u', { cost: 50, atLeast: 1 })).toMatchObject({ allowed: true, verdict: 'refused', granted: 50 })
    const off = createLimiter({ name: 'c', limits: [perMinute(5)], mode: 'off', store })
    expect(off.consume('u', { cost: 50, atLeast: 1 })).toMatchObject({ granted: 50 })
  })

  it('binds the limit that refuses, then the longest wait, the least left, the later reset, the first configured', () => {
    const outcome = (over: Partial<Outcome>): Outcome => ({
      allowed: true,
      remaining: 5,
      used: 0,
      retryAfter: 0,
      nextAfter: 1,
      resetAfter: 10,
      delay: 0,
      source: 'test',
      at: 0,
      receipt: undefined,
      leaseFor: 0,
      granted: 1,
      ...over,
    })
    const names = ['a', 'b', 'c'] as const
    const bindingOf = (...outcomes: (Outcome | undefined)[]) => {
      const store: Store = { name: 'test', consume: () => outcomes, reset: () => undefined }
      const limiter = createLimiter({ limits: names.map((name) => slidingWindow({ name, limit: 10, window: '1m' })), store })
      return (limiter.consume('u') as Decision).binding?.name
    }
    const refused = { allowed: false, retryAfter: 5, granted: 0 }
    expect(bindingOf(outcome({ remaining: 0 }), outcome({ ...refused, remaining: 3 }), outcome({}))).toBe('b')
    expect(bindingOf(outcome({ ...refused, retryAfter: 1 }), outcome(refused), outcome({ ...refused, retryAfter: 2 }))).toBe('b')
    expect(bindingOf(outcome(refused), outcome({ ...refused, retryAfter: Infinity }), outcome({}))).toBe('b')
    expect(bindingOf(outcome({}), outcome({ remaining: 4 }), outcome({ remaining: 4, resetAfter: 11 }))).toBe('c')
    expect(bindingOf(outcome({}), outcome({}), outcome({}))).toBe('a')
    expect(bindingOf(undefined, undefined, outcome(refused))).toBe('c')
  })

  it.each([
    [(l: ReturnType<typeof twoLimits>) => l.consume(''), 'ERR_SUBJECT_INVALID'],
    [(l: ReturnType<typeof twoLimits>) => l.consume(42 as never), 'ERR_SUBJECT_INVALID'],
    [(l: ReturnType<typeof twoLimits>) => l.consume(undefined as never), 'ERR_SUBJECT_INVALID'],
    [(l: ReturnType<typeof twoLimits>) => l.consume({ minute: 'a', hour: 7 as never }), 'ERR_SUBJECT_INVALID'],
    [(l: ReturnType<typeof twoLimits>) => l.consume({ minute: 'a', day: 'b' } as never), 'ERR_SUBJECT_INVALID'],
    [(l: ReturnType<typeof twoLimits>) => l.consume({ minute: 'a' }), 'ERR_SUBJECT_MISSING'],
    [(l: ReturnType<typeof twoLimits>) => l.consume('a', { cost: -1 }), 'ERR_COST_INVALID'],
    [(l: ReturnType<typeof twoLimits>) => l.consume('a', { cost: 1.5 }), 'ERR_COST_INVALID'],
    [(l: ReturnType<typeof twoLimits>) => l.consume('a', { cost: Number.NaN }), 'ERR_COST_INVALID'],
    [(l: ReturnType<typeof twoLimits>) => l.consume('a', { cost: '1' as never }), 'ERR_COST_INVALID'],
    [(l: ReturnType<typeof twoLimits>) => l.consume('a', { cost: null as never }), 'ERR_COST_INVALID'],
    [(l: ReturnType<typeof twoLimits>) => l.consume('a', { cost: { minute: -1 } }), 'ERR_COST_INVALID'],
    [(l: ReturnType<typeof twoLimits>) => l.consume('a', { cost: { minuet: 1 } as never }), 'ERR_COST_INVALID'],
    [(l: ReturnType<typeof twoLimits>) => l.settle(l.consume('a') as Decision<'minute' | 'hour'>, -1), 'ERR_COST_INVALID'],
  ])('refuses %s', (run, code) => {
    expect(codeOf(() => run(twoLimits()))).toBe(code)
  })

  it('trap: names of Object.prototype are names like any other', () => {
    const limiter = createLimiter({
      limits: [slidingWindow({ name: 'constructor', limit: 3, window: '1m' }), slidingWindow({ name: 'toString', limit: 3, window: '1m' })],
    })
    expect(codeOf(() => limiter.consume({ constructor: 'a' } as never))).toBe('ERR_SUBJECT_MISSING')
    expect(limiter.consume('a', { cost: { toString: 2 } as never })).toMatchObject({ remaining: 1 })
  })
})

function twoLimits() {
  return createLimiter({
    limits: [perMinute(2), fixedWindow({ name: 'hour', limit: 3, window: '1h' })],
    store: memoryStore({ clock: at() }),
  })
}

describe('peek and penalize', () => {
  it('peek takes nothing, and its decision cannot be settled', () => {
    const limiter = createLimiter({ limits: [perMinute(3)], store: memoryStore({ clock: at() }) })
    void limiter.consume('u')
    for (let i = 0; i < 5; i++) expect(limiter.peek('u', { cost: 2 })).toMatchObject({ allowed: true, remaining: 2 })
    void limiter.settle(limiter.peek('u') as Decision<'minute'>, 3)
    void limiter.refund(limiter.peek('u') as Decision<'minute'>)
    expect(limiter.peek('u', { cost: 3 })).toMatchObject({ allowed: false, remaining: 2 })
  })

  it('penalize charges past the limit, and returns the state after the charge', () => {
    const clock = at()
    const limiter = createLimiter({
      limits: [tokenBucket({ name: 'b', limit: 60, window: '1m', burst: 10 })],
      store: memoryStore({ clock }),
    })
    expect(limiter.penalize('u', { cost: 15 })).toMatchObject({ allowed: true, verdict: 'allowed', remaining: 0, resetAfter: 15_000 })
    expect(limiter.consume('u')).toMatchObject({ allowed: false, retryAfter: 6_000 })
    clock.ms += 6_000
    expect(limiter.consume('u')).toMatchObject({ allowed: true })
  })
})

describe('settle, refund, release, renew', () => {
  const limiterOf = (clock = at()) =>
    createLimiter({
      limits: [
        tokenBucket({ name: 'tokens', limit: 100, window: '1m' }),
        perMinute(10),
        concurrency({ name: 'slots', limit: 2, ttl: '10s' }),
      ],
      store: memoryStore({ clock }),
    })
  const left = (limiter: ReturnType<typeof limiterOf>) =>
    (limiter.peek('u', { cost: 0 }) as Decision).outcomes.map((outcome) => outcome?.remaining)

  it('settle corrects the cost down and up, by name, and releases the slot', () => {
    const limiter = limiterOf()
    const decision = limiter.consume('u', { cost: { tokens: 40 } }) as Decision<'tokens' | 'minute' | 'slots'>
    expect(left(limiter)).toEqual([60, 9, 1])
    void limiter.settle(decision, { tokens: 15 })
    expect(left(limiter)).toEqual([85, 9, 2])
    void limiter.settle(decision, { tokens: 15 })
    expect(left(limiter)).toEqual([85, 9, 2])
    const unknown = limiter.consume('u', { cost: { tokens: 0 } }) as Decision<'tokens' | 'minute' | 'slots'>
    void limiter.settle(unknown, { tokens: 95 })
    expect(left(limiter)).toEqual([0, 8, 2])
  })

  it('Pd: a decision is settled in parts: each call names the whole cost so far', () => {
    const limiter = limiterOf()
    const decision = limiter.consume('u', { cost: { tokens: 40, minute: 4 } }) as Decision<'tokens' | 'minute' | 'slots'>
    for (const [cost, tokens] of [
      [30, 70],
      [30, 70],
      [10, 90],
      [25, 75],
      [60, 40],
      [5, 95],
    ] as const) {
      void limiter.settle(decision, { tokens: cost })
      expect(left(limiter)).toEqual([tokens, 6, 2])
    }
    void limiter.refund(decision)
    expect(left(limiter)).toEqual([100, 10, 2])
    void limiter.settle(decision, 3)
    expect(left(limiter)).toEqual([97, 7, 2])
  })

  it('Pd: settled in parts, no receipt gives back more than it took', () => {
    // Each takes and gives back by other receipts: of a window, of log entries, of a lease of time.
    const limits = [
      perMinute(100),
      slidingWindow({ name: 'sliding', limit: 100, window: '1m' }),
      slidingLog({ name: 'log', limit: 100, window: '1m' }),
    ]
    const limiter = createLimiter({ limits, store: memoryStore({ clock: at() }) })
    const used = () => (limiter.peek('u', { cost: 0 }) as Decision).outcomes.map((outcome) => outcome?.used)
    void limiter.consume('u', { cost: 20 })
    const decision = limiter.consume('u', { cost: 10 }) as Decision<'minute' | 'sliding' | 'log'>
    for (const cost of [2, 12, 4, 4, 30, 0, 10, 0, 7]) {
      void limiter.settle(decision, cost)
      expect(used()).toEqual([20 + cost, 20 + cost, 20 + cost])
    }
  })

  it('Pd: a part that was not taken past the largest debt is not given back', () => {
    const limiter = createLimiter({
      limits: [tokenBucket({ name: 'tokens', limit: 10, window: '1m', debt: 5 })],
      store: memoryStore({ clock: at() }),
    })
    const used = () => (limiter.peek('u', { cost: 0 }) as Decision).outcomes[0]?.used
    const decision = limiter.consume('u', { cost: 10 }) as Decision<'tokens'>
    void limiter.settle(decision, 100)
    expect(used()).toBe(15)
    void limiter.settle(decision, 90)
    expect(used()).toBe(15)
    void limiter.settle(decision, 12)
    expect(used()).toBe(12)
  })

  it('Pd: settlements of a store that answers later wait for each other', async () => {
    const memory = memoryStore({ clock: at() })
    const store: Store = { name: 'later', consume: async (charges, options) => memory.consume(charges, options), reset: () => undefined }
    const limiter = createLimiter({ limits: [slidingLog({ name: 'log', limit: 100, window: '1m' })], store })
    const decision = await limiter.consume('u', { cost: 10 })
    await Promise.all([2, 30, 5, 40, 8].map((cost) => limiter.settle(decision, cost)))
    expect((await limiter.peek('u')).outcomes[0]?.used).toBe(8)
    await limiter.refund(decision)
    expect((await limiter.peek('u')).outcomes[0]?.used).toBe(0)
  })

  it('trap: refund without bound: each amount once, never more than was charged', () => {
    const limiter = limiterOf()
    const decision = limiter.consume('u', { cost: { tokens: 5, minute: 3 } }) as Decision<'tokens' | 'minute' | 'slots'>
    for (let i = 0; i < 10; i++) void limiter.refund(decision)
    expect(left(limiter)).toEqual([100, 10, 2])
  })

  it('trap: a refund after the window has rolled over gives nothing back', () => {
    const clock = at()
    const limiter = limiterOf(clock)
    const decision = limiter.consume('u') as Decision<'tokens' | 'minute' | 'slots'>
    clock.ms += 60_000
    void limiter.consume('u')
    void limiter.refund(decision)
    expect(left(limiter)[1]).toBe(9)
  })

  it('trap: a late release does not free the slot of another holder', () => {
    const clock = at()
    const limiter = limiterOf(clock)
    const late = limiter.consume('u') as Decision<'tokens' | 'minute' | 'slots'>
    clock.ms += 10_000
    void limiter.consume('u')
    void limiter.consume('u')
    void limiter.release(late)
    void limiter.release(late)
    expect(left(limiter)[2]).toBe(0)
  })

  it('release frees the slot only; renew extends the life of the holder', () => {
    const clock = at()
    const limiter = limiterOf(clock)
    const decision = limiter.consume('u') as Decision<'tokens' | 'minute' | 'slots'>
    clock.ms += 9_000
    void limiter.renew(decision)
    clock.ms += 9_000
    expect(left(limiter)).toEqual([100, 9, 1])
    void limiter.release(decision)
    void limiter.renew(decision)
    expect(left(limiter)).toEqual([100, 9, 2])
  })

  it('M1: renew says whether the holder lives', () => {
    const clock = at()
    const limits = [concurrency({ name: 'slots', limit: 1, ttl: '300ms' }), concurrency({ name: 'all', limit: 5, ttl: '1h' })]
    const store = memoryStore({ clock })
    const limiter = createLimiter({ limits, store })
    const a = limiter.consume('u') as Decision<'slots' | 'all'>
    clock.ms += 299
    expect(limiter.renew(a)).toBe(true)
    clock.ms += 500
    const b = limiter.consume('u') as Decision<'slots' | 'all'>
    expect(b.allowed).toBe(true)
    // The holder of the other limit lives, and is not renewed.
    expect(limiter.renew(a)).toBe(false)
    expect(limiter.renew(b)).toBe(true)
    const refused = limiter.consume('u') as Decision<'slots' | 'all'>
    expect(limiter.renew(refused)).toBe(false)
    void limiter.settle(b, 0)
    expect(limiter.renew(b)).toBe(false)
    expect(limiter.renew(limiter.peek('u') as Decision<'slots' | 'all'>)).toBe(false)
    const reset = limiter.consume('u') as Decision<'slots' | 'all'>
    void limiter.reset('u')
    expect(limiter.renew(reset)).toBe(false)
  })

  it('M1: renew is true where no holder is needed: without such a limit, and in shadow mode', () => {
    const plain = createLimiter({ limits: [perMinute(1)], store: memoryStore({ clock: at() }) })
    expect(plain.renew(plain.consume('u') as Decision<'minute'>)).toBe(true)
    const clock = at()
    const limits = [concurrency({ name: 'slots', limit: 1, ttl: '1s' })]
    const shadow = createLimiter({ limits, mode: 'shadow', store: memoryStore({ clock }) })
    const first = shadow.consume('u') as Decision<'slots'>
    expect(shadow.renew(shadow.consume('u') as Decision<'slots'>)).toBe(true)
    clock.ms += 2_000
    expect(shadow.renew(first)).toBe(true)
  })

  it('ignores a refused decision, and throws for a decision of another limiter', () => {
    const limiter = limiterOf()
    void limiter.consume('u', { cost: { minute: 10 } })
    const refused = limiter.consume('u') as Decision<'tokens' | 'minute' | 'slots'>
    void limiter.settle(refused, 7)
    void limiter.refund(refused)
    expect(left(limiter)).toEqual([99, 0, 1])
    const other = createLimiter({ name: 'other', limits: [perMinute(1)] })
    expect(codeOf(() => other.settle(refused as never, 1))).toBe('ERR_DECISION_FOREIGN')
    expect(codeOf(() => other.release({} as never))).toBe('ERR_DECISION_FOREIGN')
  })
})

describe('modes and tiers', () => {
  afterEach(() => setEnabled(true))

  it('trap: a shadow policy decides and reports, allows every request, and has its own state', () => {
    const store = memoryStore({ clock: at() })
    const live = createLimiter({ name: 'api', limits: [perMinute(2)], store })
    void live.consume('u')
    void live.close()
    const shadow = createLimiter({ name: 'api', limits: [perMinute(2)], store, mode: 'shadow' })
    expect([1, 2, 3].map(() => shadow.consume('u'))).toMatchObject([
      { allowed: true, verdict: 'allowed', remaining: 1 },
      { allowed: true, verdict: 'allowed', remaining: 0 },
      { allowed: true, verdict: 'refused', mode: 'shadow' },
    ])
    void shadow.close()
    expect(createLimiter({ name: 'api', limits: [perMinute(2)], store }).peek('u')).toMatchObject({ remaining: 1 })
  })

  it('mode off calls no store; setEnabled(false) turns every limiter off', () => {
    const consume = vi.fn<Store['consume']>(() => [])
    const store: Store = { name: 'spy', consume, reset: () => undefined }
    const off = createLimiter({ limits: [perMinute(1)], store, mode: 'off' })
    expect(off.consume('u')).toMatchObject({
      allowed: true,
      verdict: 'allowed',
      binding: undefined,
      remaining: Infinity,
      mode: 'off',
      charges: [],
    })
    expect(consume).not.toHaveBeenCalled()
    const limiter = createLimiter({ limits: [perMinute(1)] })
    void limiter.consume('u')
    setEnabled(false)
    expect(limiter.consume('u')).toMatchObject({ allowed: true, mode: 'off' })
    setEnabled(true)
    expect(limiter.consume('u')).toMatchObject({ allowed: false, mode: 'enforce' })
  })

  const tiers = { free: [perMinute(1)], premium: [perMinute(3)], partner: [] } as const
  it('a tier selects its limits; [] is unlimited', () => {
    const limiter = createLimiter({ tiers, store: memoryStore({ clock: at() }) })
    expect(limiter.consume('a', { tier: 'premium' })).toMatchObject({ remaining: 2, tier: 'premium' })
    expect(limiter.consume('a', { tier: 'partner' })).toMatchObject({ allowed: true, remaining: Infinity, binding: undefined })
  })

  it('trap: a change of tier keeps the units used: they are neither capped nor given back', () => {
    const limiter = createLimiter({ tiers, store: memoryStore({ clock: at() }) })
    for (let i = 0; i < 3; i++) void limiter.consume('a', { tier: 'premium' })
    expect(limiter.consume('a', { tier: 'free' })).toMatchObject({ allowed: false, remaining: 0 })
    expect(limiter.consume('a', { tier: 'premium' })).toMatchObject({ allowed: false, remaining: 0 })
  })

  it('limits beside tiers serve a missing or unknown tier; without them the first tier does, with one warning', () => {
    const beside = createLimiter({ tiers, limits: [perMinute(7)], store: memoryStore({ clock: at() }) })
    expect(beside.consume('a')).toMatchObject({ remaining: 6, tier: undefined })
    expect(beside.consume('b', { tier: 'gold' as never })).toMatchObject({ remaining: 6, tier: undefined })
    const warning = vi.fn<(event: StoreEvent) => void>()
    const without = createLimiter({ tiers, store: memoryStore({ clock: at() }), on: { warning } })
    expect(without.consume('a')).toMatchObject({ remaining: 0, tier: 'free' })
    expect(without.consume('b', { tier: '__proto__' as never })).toMatchObject({ remaining: 0, tier: 'free' })
    expect(warning.mock.calls.map(([event]) => event.type === 'warning' && event.code)).toEqual(['WARN_TIER_DEFAULTED'])
  })

  it('a tier of any text is quoted and cut in messages: a client may choose it, and a log has one line for each', () => {
    const hostile = `\n${'x'.repeat(1_000)}`
    const long = /^[^\n]{1,600}$/
    expect(() => createLimiter({ tiers: { [hostile]: 1 as never } })).toThrow(long)
    expect(() => createLimiter({ tiers: { free: 1 as never } })).toThrow('tiers.free: expected a list of limits')
    const warning = vi.fn<(event: StoreEvent) => void>()
    void createLimiter({ tiers: { [hostile]: [perMinute(1)] }, on: { warning } }).consume('a', { tier: `${hostile}!` as never })
    expect(warning.mock.calls.map(([event]) => 'message' in event && event.message)).toEqual([expect.stringMatching(long)])
  })
})

describe('asynchronous and failing stores', () => {
  it('a promise stays a promise, a rejection a rejection, a throw a throw', async () => {
    const inner = memoryStore({ clock: at() })
    const later: Store = {
      name: 'later',
      consume: async (charges, options) => inner.consume(charges, options),
      reset: async (targets) => inner.reset(targets),
    }
    const limiter = createLimiter({ limits: [perMinute(2)], store: later })
    const promised = limiter.consume('u')
    expect(promised).toBeInstanceOf(Promise)
    const decision = await promised
    expect(decision).toMatchObject({ allowed: true, remaining: 1 })
    await limiter.refund(decision)
    expect(await limiter.peek('u')).toMatchObject({ remaining: 2 })
    const failing: Store = { name: 'failing', consume: () => Promise.reject(new Error('gone')), reset: () => undefined }
    await expect(createLimiter({ limits: [perMinute(2)], store: failing }).consume('u')).rejects.toThrow('gone')
  })

  it('close() closes the store that the limiter made, not one that it was given', () => {
    const close = vi.fn<() => void>()
    const store: Store = { name: 'spy', consume: () => [], reset: () => undefined, close }
    void createLimiter({ limits: [perMinute(2)], store }).close()
    expect(close).not.toHaveBeenCalled()
    expect(createLimiter({ limits: [perMinute(2)], store }).health()).toEqual({ tier: 'spy', breaker: 'closed' })
  })

  it('an outcome of the failure mode closed makes the decision unavailable', () => {
    const closed: Outcome = {
      allowed: false,
      remaining: 0,
      used: 0,
      retryAfter: 1_000,
      nextAfter: 0,
      resetAfter: 0,
      delay: 0,
      source: 'closed',
      at: 0,
      receipt: undefined,
      leaseFor: 0,
      granted: 0,
    }
    const store: Store = { name: 'x', consume: () => [closed], reset: () => undefined }
    expect(createLimiter({ limits: [perMinute(2)], store }).consume('u')).toMatchObject({
      allowed: false,
      verdict: 'unavailable',
      source: 'closed',
      retryAfter: 1_000,
    })
  })
})

describe('set-up checks', () => {
  it('a memory store in a worker of node:cluster causes a warning', () => {
    const warning = vi.fn<(event: StoreEvent) => void>()
    vi.stubEnv('NODE_UNIQUE_ID', '1')
    createLimiter({ limits: [perMinute(9)], on: { warning } })
    vi.unstubAllEnvs()
    expect(warning).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'WARN_MEMORY_IN_CLUSTER' }))
  })
})
