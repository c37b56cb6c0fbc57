import {
  amendLimit,
  concurrency,
  createLimiter,
  fixedWindow,
  header,
  type LimitRule,
  memoryStore,
  type RateLimitOptions,
  slidingWindow,
  type StoreEvent,
  tokenBucket,
} from '@sluice/core'
import { createPipeline, type Host, type HttpOutcome, type Pipeline } from '@sluice/core/adapter-kit'
import { isPromise } from '@sluice/core/store-kit'
import { describe, expect, it, vi } from 'vitest'

interface Request {
  readonly address?: string
  readonly plan?: string
  readonly headers?: Readonly<Record<string, string>>
}
const host: Host<Request> = {
  id: (request) => request,
  method: () => 'GET',
  address: (request) => request.address ?? '192.0.2.1',
  header: (request, name) => request.headers?.[name],
}
const hour = (name: string, limit: number) => fixedWindow({ name, limit, window: '1h', anchor: 'first' })
const pipeline = (options: RateLimitOptions<Request>) => createPipeline(host, options)
const ask = (decide: Pipeline<Request, unknown>, request: Request = {}): HttpOutcome => {
  const outcome = decide({ ...request })
  if (isPromise(outcome)) throw new Error('expected an answer at once')
  return outcome
}
const policyOf = ({ headers }: HttpOutcome) => headers.find(([name]) => name === 'RateLimit-Policy')?.[1]
const leftOf = ({ decision }: HttpOutcome) => decision?.outcomes.map((outcome) => outcome?.remaining)

describe('an extended pipeline', () => {
  it('adds limits to the one decision: all or nothing, and what was there keeps its state everywhere', () => {
    const app = pipeline({ limits: [hour('app', 3)] })
    const login = app.extend((rules) => [...rules, hour('login', 1)])
    expect(policyOf(ask(login))).toBe('"app";q=3;w=3600, "login";q=1;w=3600')
    expect(ask(login)).toMatchObject({ pass: false, decision: { binding: { name: 'login' } } })
    // The refusal took nothing from the app's limit.
    expect(leftOf(ask(app))).toEqual([1])
    expect(ask(app).pass).toBe(true)
    expect(ask(login).decision?.outcomes.map((outcome) => outcome?.allowed)).toEqual([false, false])
  })

  it('leaves limits out, and holds for every tier', () => {
    const app = pipeline({
      limits: [hour('a', 9), hour('b', 9)],
      tiers: { premium: [hour('a', 99)], gold: [] },
      tier: ({ plan }) => plan,
    })
    const route = app.extend((rules) => [...rules.filter(({ limit }) => limit.name !== 'b'), hour('own', 5)])
    expect(policyOf(ask(route))).toBe('"a";q=9;w=3600, "own";q=5;w=3600')
    expect(policyOf(ask(route, { plan: 'premium' }))).toBe('"a";q=99;w=3600, "own";q=5;w=3600')
    expect(policyOf(ask(route, { plan: 'gold' }))).toBe('"own";q=5;w=3600')
    expect(policyOf(ask(app, { plan: 'gold' }))).toBeUndefined()
  })

  it('gives a limit other numbers and its own state, by a scope', () => {
    const app = pipeline({ name: 'api', limits: [hour('short', 5)] })
    const strict = app.extend((rules) => rules.map((rule) => amendLimit(rule, { limit: 1, scope: 'Users.find' })))
    expect(ask(strict).decision?.charges[0]?.scope).toBe('api@Users.find+short.fixedWindow')
    expect(ask(app).decision?.charges[0]?.scope).toBe('api+short.fixedWindow')
    expect(policyOf(ask(strict))).toBe('"api.short";q=1;w=3600')
    expect(ask(strict).pass).toBe(false)
    expect(leftOf(ask(app))).toEqual([3])
    // In shadow, too, the state is apart from the real one.
    const shadow = pipeline({ name: 'api', limits: [hour('short', 5)], mode: 'shadow' }).extend((rules) =>
      rules.map((rule) => amendLimit(rule, { scope: 'x' })),
    )
    expect(ask(shadow).decision?.charges[0]?.scope).toBe('~api@x+short.fixedWindow')
  })

  it('keeps a limit that is a function, unless it gives that one other numbers', () => {
    const app = pipeline({ limit: ({ plan }) => (plan === 'premium' ? 50 : 5), window: '1m' })
    const route = app.extend((rules) => [...rules, hour('own', 2)])
    expect(policyOf(ask(route, { plan: 'premium' }))).toBe('"default";q=50;w=60, "own";q=2;w=3600')
    expect(policyOf(ask(route))).toBe('"default";q=5;w=60, "own";q=2;w=3600')
    const fixed = app.extend((rules) => rules.map((rule) => amendLimit(rule, { limit: 7, scope: 'fixed' })))
    expect(policyOf(ask(fixed, { plan: 'premium' }))).toBe('"default";q=7;w=60')
  })

  it('has its own options, and inherits the others', () => {
    const app = pipeline({ limits: [hour('app', 9)], key: header('x-key'), cost: () => 2, statusCode: 420, legacy: false })
    const route = app.extend((rules) => rules, { cost: () => 5, message: 'slow down', statusCode: undefined })
    expect(leftOf(ask(route, { headers: { 'x-key': 'a' } }))).toEqual([4])
    expect(leftOf(ask(app, { headers: { 'x-key': 'a' } }))).toEqual([2])
    const refused = ask(route, { headers: { 'x-key': 'a' } })
    expect(refused).toMatchObject({ pass: false, status: 420, body: 'slow down' })
    expect(refused.headers.map(([name]) => name)).not.toContain('X-RateLimit-Limit')
  })

  it('checks what it is given, when it is made', () => {
    const app = pipeline({ limits: [hour('app', 9)] })
    expect(() => app.extend((rules) => [...rules, hour('APP', 1)])).toThrow(expect.objectContaining({ code: 'ERR_NAME_DUPLICATE' }))
    expect(() => app.extend(() => [{} as LimitRule])).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    expect(() => app.extend((rules) => rules, { store: memoryStore() } as object)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_UNKNOWN' }),
    )
    expect(() => app.extend((rules) => rules, { statusCode: 200 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    const inner = createLimiter({ name: 'inner', limits: [hour('app', 1)] })
    const wrapped = pipeline({ limiter: { ...inner, name: 'inner', consume: (subject, given) => inner.consume(subject, given) } })
    expect(() => wrapped.extend((rules) => rules)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })

  it('claims no name, warns once with its family, and its limiter settles what the family decided', () => {
    const warned: string[] = []
    const on = { warning: (event: StoreEvent) => void warned.push('code' in event ? event.code : event.type) }
    const app = pipeline({ limits: [hour('app', 9)], store: memoryStore(), on })
    const first = app.extend((rules) => [...rules, hour('one', 9)])
    const second = first.extend((rules) => [...rules, hour('two', 9)])
    for (const decide of [app, first, second]) ask(decide, { headers: { 'x-forwarded-for': '1.2.3.4' } })
    expect(warned).toEqual(['WARN_FORWARDED_UNTRUSTED'])
    const { decision } = ask(second)
    expect(leftOf(ask(app))).toEqual([4])
    void app.limiter.refund(decision!)
    void second.limiter.refund(decision!)
    expect(leftOf(ask(app))).toEqual([4])
    expect(leftOf(ask(second))).toEqual([3, 6, 7])
  })

  it('is reset with its family, each limit once, and ends with it', () => {
    const store = memoryStore()
    const reset = vi.spyOn(store, 'reset')
    const app = pipeline({ limits: [hour('app', 9)], store })
    const route = app.extend((rules) => [...rules, amendLimit(hour('own', 1), { scope: 'route' })])
    expect([ask(route).pass, ask(route).pass]).toEqual([true, false])
    void app.limiter.reset('192.0.2.1')
    expect(reset.mock.calls[0]?.[0].map(({ scope }) => scope)).toEqual(['default+app.fixedWindow', 'default@route+own.fixedWindow'])
    expect(ask(route).pass).toBe(true)
    void route.limiter.close()
    expect(() => pipeline({ limits: [hour('other', 9)], store })).toThrow(expect.objectContaining({ code: 'ERR_NAME_TAKEN' }))
    void app.limiter.close()
    expect(ask(pipeline({ limits: [hour('other', 9)], store })).pass).toBe(true)
  })
})

describe('amendLimit', () => {
  it('keeps the algorithm, the burst and the key', () => {
    const key = header('x-key')
    const rule = tokenBucket({ name: 'a', limit: 10, window: '1s', burst: 30, key })
    expect(amendLimit(rule, { limit: 5, window: '2s' })).toEqual({
      key,
      limit: { algorithm: 'tokenBucket', name: 'a', limit: 5, window: 2_000, burst: 30 },
    })
    expect(amendLimit(rule, {})).toEqual(rule)
    expect(amendLimit(amendLimit(rule, { scope: 'x' }), { limit: 1 }).scope).toBe('x')
    expect(amendLimit(rule, { name: 'b' }).limit.name).toBe('b')
  })
  it('gives a calendar window up for a plain one, with its time zone', () => {
    const day = fixedWindow({ name: 'day', limit: 5, window: 'day', timeZone: 'Europe/Berlin' })
    expect(amendLimit(day, { limit: 6 }).limit).toEqual({ ...day.limit, limit: 6 })
    expect(amendLimit(day, { window: '1h' }).limit).toEqual({ algorithm: 'fixedWindow', name: 'day', limit: 5, window: 3_600_000 })
  })
  it.each([
    [{ limit: -1 }, 'ERR_OPTION_INVALID'],
    [{ window: '1 m' }, 'ERR_OPTION_INVALID'],
    [{ ttl: 60_000 }, 'ERR_OPTION_UNKNOWN'],
    [{ scope: 'a/b' }, 'ERR_NAME_INVALID'],
    [{ name: 'ä' }, 'ERR_NAME_INVALID'],
    [{ limit: 2 ** 52 }, 'ERR_LIMIT_INEXACT'],
  ])('refuses %o', (changes, code) => {
    expect(() => amendLimit(slidingWindow({ name: 'a', limit: 1, window: '1m' }), changes as object)).toThrow(
      expect.objectContaining({ code }),
    )
  })
})

describe('a host that may never report the end', () => {
  it('trap: a holder that nobody releases is not renewed: it ends with its ttl', () => {
    vi.useFakeTimers({ now: 0 })
    try {
      const renewed = (ends: boolean) => {
        const store = memoryStore()
        const consume = vi.spyOn(store, 'consume')
        const slots = { limits: [concurrency({ name: 'slots', limit: 1, ttl: '90ms' })], store }
        const decide = createPipeline({ ...host, ends: () => ends }, slots)
        ask(decide)
        vi.advanceTimersByTime(100)
        return [consume.mock.calls.length - 1, ask(decide).pass]
      }
      expect(renewed(true)).toEqual([3, false])
      expect(renewed(false)).toEqual([0, true])
    } finally {
      vi.useRealTimers()
    }
  })

  it('M1: a request that has lost its holder is renewed no longer, and reported once', () => {
    vi.useFakeTimers({ now: 0 })
    try {
      const store = memoryStore()
      const warnings: (string | undefined)[] = []
      const on = { warning: ({ code }: { code: string }) => void warnings.push(code) }
      const slots = { limits: [concurrency({ name: 'slots', limit: 2, ttl: '90ms', key: () => 'all' })], store, on }
      const decide = createPipeline({ ...host, ends: () => true }, slots)
      ask(decide)
      ask(decide)
      void decide.limiter.reset('all')
      const consume = vi.spyOn(store, 'consume')
      vi.advanceTimersByTime(1_000)
      expect(consume.mock.calls.length).toBe(2)
      expect(warnings).toEqual(['WARN_HOLDER_LOST'])
    } finally {
      vi.useRealTimers()
    }
  })
})
