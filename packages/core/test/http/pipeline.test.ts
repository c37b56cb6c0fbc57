import {
  concurrency,
  createLimiter,
  fixedWindow,
  header,
  type Limiter,
  memoryStore,
  type Outcome,
  type RateLimitOptions,
  type Store,
  type StoreEvent,
} from '@sluice/core'
import { createPipeline, type Host, type HttpOutcome } from '@sluice/core/adapter-kit'
import { describe, expect, it, vi } from 'vitest'

// What needs no socket; everything that an adapter shows is in httpConformance().
interface Request {
  readonly method?: string
  readonly address?: string
  readonly headers?: Readonly<Record<string, string>>
}
const host: Host<Request> = {
  id: (request) => request,
  method: (request) => request.method ?? 'GET',
  address: (request) => request.address ?? '192.0.2.1',
  header: (request, name) => request.headers?.[name],
}
type TestOutcome = HttpOutcome & { readonly status?: number; readonly body?: string }
const pipeline = (options?: RateLimitOptions<Request>) =>
  createPipeline(host, options) as ((request: Request) => TestOutcome) & { limiter: Limiter }
const headerOf = (outcome: TestOutcome, name: string) => outcome.headers.find(([field]) => field === name)?.[1]
const perHour = (limit: number, key?: string) =>
  fixedWindow({ name: key ?? 'hour', limit, window: '1h', anchor: 'first', ...(key === undefined ? {} : { key: header(key) }) })

describe('the pipeline', () => {
  it('is synchronous with the memory store, and a promise only where something is asynchronous', async () => {
    expect(pipeline()({}).pass).toBe(true)
    const later: unknown = pipeline({ tier: async () => 'a', tiers: { a: [perHour(1)] } })({})
    expect(later).toBeInstanceOf(Promise)
    expect(await later).toMatchObject({ pass: true })
  })

  it('limits 100 a minute per address by default', () => {
    const decide = pipeline()
    const clients = ['192.0.2.1', '192.0.2.2']
    for (let i = 0; i < 100; i++) for (const address of clients) expect(decide({ address }).pass).toBe(true)
    for (const address of clients) expect(decide({ address })).toMatchObject({ pass: false, status: 429 })
    expect(headerOf(decide({}), 'RateLimit-Policy')).toBe('"default";q=100;w=60')
  })

  it('F10: on 10 seconds past the first of December, a month is back on the first of January', () => {
    const at = Date.parse('2026-12-01T00:00:10Z')
    const decide = pipeline({
      store: memoryStore({ clock: { now: () => at } }),
      limits: [fixedWindow({ name: 'month', limit: 1, window: 'month' })],
    })
    const january = Date.parse('2027-01-01T00:00:00Z')
    const shown = [1, 2].map(() => {
      const outcome = decide({})
      expect(outcome.decision?.resetAt).toBe(january)
      return [...['RateLimit', 'X-RateLimit-Reset', 'Retry-After'].map((name) => headerOf(outcome, name)), outcome.body]
    })
    expect(shown).toEqual([
      ['"month";r=0;t=2678390', `${january / 1000}`, undefined, undefined],
      ['"month";r=0;t=2678390', `${january / 1000}`, '604800', expect.stringContaining('"retry_after":2678390')],
    ])
  })

  it('F05: a client without a plan gets the numbers of the definition, after any other client', () => {
    const plans: Readonly<Record<string, number>> = { pro: 1_000, internal: Infinity, banned: 0 }
    const warning = vi.fn<(event: StoreEvent) => void>()
    const decide = pipeline({
      limit: ({ headers }) => plans[headers?.['x-plan'] ?? ''] as number,
      window: '1h',
      key: header('x-user'),
      on: { warning },
    })
    const policyOf = (plan: string) => headerOf(decide({ headers: { 'x-user': `of ${plan}`, 'x-plan': plan } }), 'RateLimit-Policy')
    for (let round = 0; round < 2; round++) {
      expect(policyOf('none')).toBe('"default";q=100;w=3600')
      expect(policyOf('pro')).toBe('"default";q=1000;w=3600')
      expect(policyOf('none')).toBe('"default";q=100;w=3600')
      expect(policyOf('internal')).toBeUndefined()
      expect(policyOf('none')).toBe('"default";q=100;w=3600')
      expect(policyOf('banned')).toBe('"default";q=0;w=3600')
    }
    expect(warning.mock.calls).toMatchObject([
      [{ code: 'WARN_VALUE_IGNORED', message: expect.stringContaining('100 per 3600000 ms are used') }],
    ])
  })

  it('trap: the options changed after the limiter was made change nothing', () => {
    const options = { limits: [perHour(1)], statusCode: 429, message: 'slow down', skip: undefined as (() => boolean) | undefined }
    const decide = pipeline(options)
    Object.assign(options, { statusCode: 503, message: 'changed', skip: () => true })
    decide({})
    expect(decide({})).toMatchObject({ pass: false, status: 429, body: 'slow down' })
  })

  it('mounts one limiter twice: same state, and its limits keep their own keys', () => {
    const first = pipeline({ name: 'login', limits: [perHour(3), perHour(2, 'x-account')] })
    const second = pipeline({ limiter: first.limiter })
    const ask = (account: string) => ({ address: `192.0.2.${account.length}`, headers: { 'x-account': account } })
    first(ask('alice'))
    second(ask('alice'))
    expect(second(ask('alice'))).toMatchObject({ pass: false, decision: { binding: { name: 'x-account' } } })
    expect(second(ask('bob'))).toMatchObject({ pass: true })
    expect(headerOf(second(ask('carol')), 'RateLimit-Policy')).toBe('"login.hour";q=3;w=3600, "login.x-account";q=2;w=3600')
  })

  it('F07: one limiter decides a request once, under the key of its first mount; another request is decided again', async () => {
    const limiter = createLimiter({ name: 'once', limits: [fixedWindow({ name: 'hour', limit: 5, window: '1h', anchor: 'first' })] })
    const mounts = [pipeline({ limiter }), pipeline({ limiter, key: header('x-user') }), pipeline({ name: 'other', limits: [perHour(9)] })]
    for (const left of [4, 3]) {
      const request = { headers: { 'x-user': 'ann' } }
      const [first, second, other] = mounts.map((decide) => decide(request))
      expect(first?.decision?.remaining).toBe(left)
      expect(second).toMatchObject({ pass: true, headers: [], decision: undefined })
      expect(headerOf(other as TestOutcome, 'RateLimit-Policy')).toBe('"once.hour";q=5;w=3600, "other.hour";q=9;w=3600')
    }
    expect((await limiter.peek('ann')).remaining).toBe(5)
  })

  it('mounts the shorthand under its own name, and an object that only wraps a limiter', () => {
    const shorthand = pipeline({ name: 'api', limit: 5 })
    expect(headerOf(pipeline({ limiter: shorthand.limiter })({}), 'RateLimit-Policy')).toBe('"api";q=5;w=60')
    const inner: Limiter = createLimiter({ name: 'inner', limits: [perHour(1)] })
    const wrapped: Limiter = {
      name: 'inner',
      consume: (subject, ask) => inner.consume(`wrapped:${JSON.stringify(subject)}`, ask),
      peek: (subject) => inner.peek(subject),
      penalize: (subject) => inner.penalize(subject),
      credit: (subject) => inner.credit(subject),
      settle: (decision, actual) => inner.settle(decision, actual),
      refund: (decision) => inner.refund(decision),
      release: (decision) => inner.release(decision),
      wait: (subject, ask) => inner.wait(subject, ask),
      renew: (decision) => inner.renew(decision),
      reset: (subject) => inner.reset(subject),
      resetAll: () => inner.resetAll(),
      block: (subject, duration) => inner.block(subject, duration),
      unblock: (subject) => inner.unblock(subject),
      health: () => inner.health(),
      close: () => inner.close(),
    }
    const decide = pipeline({ limiter: wrapped })
    expect([decide({}).pass, decide({}).pass]).toEqual([true, false])
    expect(inner.peek('wrapped:"192.0.2.1"')).toMatchObject({ allowed: false })
  })

  const bad: readonly (readonly [object, string])[] = [
    [{ limiter: createLimiter({ limits: [perHour(1)] }), limit: 3 }, 'ERR_OPTION_CONFLICT'],
    [{ limiter: {} }, 'ERR_OPTION_INVALID'],
    [{ limits: [perHour(1)], window: '1m' }, 'ERR_OPTION_CONFLICT'],
    [{ tier: () => 'a' }, 'ERR_OPTION_CONFLICT'],
    [{ statusCode: 200 }, 'ERR_OPTION_INVALID'],
    [{ message: 5 }, 'ERR_OPTION_INVALID'],
    [{ skip: true }, 'ERR_OPTION_INVALID'],
    [{ limit: -1 }, 'ERR_OPTION_INVALID'],
    [{ limit: '100' }, 'ERR_OPTION_INVALID'],
    [{ window: '1 m' }, 'ERR_OPTION_INVALID'],
    [{ standard: 'draft-5' }, 'ERR_OPTION_INVALID'],
    [{ legacy: true }, 'ERR_OPTION_INVALID'],
    [{ missing: 'allow' }, 'ERR_OPTION_INVALID'],
    [{ trustProxy: true }, 'ERR_OPTION_INVALID'],
    [{ ipv6Prefix: 128 }, 'ERR_OPTION_INVALID'],
    [{ key: [] }, 'ERR_OPTION_INVALID'],
    [{ key: 'x-api-key' }, 'ERR_OPTION_INVALID'],
    [{ strict: 1 }, 'ERR_OPTION_INVALID'],
    [{ partitionKey: { secret: 'short' } }, 'ERR_OPTION_INVALID'],
    [{ windowMs: 1 }, 'ERR_OPTION_UNKNOWN'],
    [{ exposeHeaders: 'yes' }, 'ERR_OPTION_INVALID'],
  ]
  it.each(bad)('refuses %j with %s', (options, code) => {
    expect(() => pipeline(options)).toThrow(code)
  })

  it('never shows a secret in a message', () => {
    expect(() => pipeline({ partitionKey: { secret: 'hunter2' } })).toThrow(/^(?!.*hunter2)/)
  })

  it.each([
    ['allowList', 'skip'],
    ['addHeaders', 'standard and legacy'],
    ['binding', 'store'],
    ['errorResponseBuilder', 'message or handler'],
    ['execEvenly', 'limits, with leakyBucket'],
    ['groupId', 'limiter'],
    ['identifier', 'key, or label'],
    ['insuranceLimiter', 'failMode'],
    ['ipv6Subnet', 'ipv6Prefix'],
    ['namespace', 'name'],
    ['onLimited', 'on'],
    ['passOnStoreError', 'failMode'],
    ['skipOnError', 'failMode'],
    ['status', 'statusCode'],
    ['storeClient', 'store'],
    ['throw', 'handler'],
  ])('the option %s of a peer is refused, naming ours: %s', (theirs, ours) => {
    expect(() => pipeline({ [theirs]: 1 })).toThrow(`"${theirs}" is not an option; use ${ours}`)
  })

  it('takes a name for a peer’s option only where ours is one', () => {
    expect(() => pipeline({ windowMs: 1 } as never)).toThrow('use window')
    expect(() => memoryStore({ max: 1 } as never)).toThrow('expected one of maxSubjects')
  })

  it('an asynchronous message, and nothing but text or JSON reaches the client', async () => {
    const decide = pipeline({ limits: [perHour(1)], message: async (_, { decision }) => ({ wait: decision.retryAfter > 0 }) })
    decide({})
    const refused = await decide({})
    expect(refused).toMatchObject({ pass: false, body: '{"wait":true}' })
    expect(headerOf(refused, 'Content-Type')).toBe('application/json')
  })

  it('a partition key that cannot be made is left out: the request was charged', async () => {
    const warning = vi.fn<(event: StoreEvent) => void>()
    const sign = vi.spyOn(globalThis.crypto.subtle, 'sign').mockRejectedValue(new Error('no HMAC today'))
    const decide = pipeline({ limits: [perHour(1)], partitionKey: { secret: 'sixteen characters' }, on: { warning } })
    const outcome = await decide({})
    sign.mockRestore()
    expect(headerOf(outcome, 'RateLimit')).toMatch(/^"hour";r=0;t=3600$/)
    expect(warning).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'WARN_VALUE_IGNORED' }))
  })

  it('strict checks throw, but never what a client can provoke', () => {
    const warning = vi.fn<(event: StoreEvent) => void>()
    const strict = pipeline({ strict: true, trustProxy: 1, on: { warning } })
    const forged = { headers: { forwarded: 'for=203.0.113.9' } }
    expect(strict(forged)).toMatchObject({ pass: true })
    expect(warning).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'WARN_FORWARDED_OTHER' }))
    expect(() => pipeline({ strict: true })(forged)).toThrow('WARN_FORWARDED_UNTRUSTED')
    expect(() => pipeline({ strict: true, trustProxy: ['0.0.0.0/0'] })).toThrow('WARN_TRUST_PERMISSIVE')
  })

  it('a holder is released though settling failed', async () => {
    const warning = vi.fn<(event: StoreEvent) => void>()
    const limits = [concurrency({ name: 'slots', limit: 1, ttl: '1m' })]
    const decide = pipeline({ limits, on: { warning }, settle: () => Promise.reject(new Error('unknown')) })
    const outcome = decide({})
    expect(decide({}).pass).toBe(false)
    if (outcome.pass) await outcome.done?.(200, {})
    expect(decide({}).pass).toBe(true)
    expect(warning).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'WARN_SETTLE_FAILED' }))
  })

  it('has nothing to do after the response where nothing can change', () => {
    const outcome = pipeline({ limits: [perHour(2)] })({})
    expect(outcome.pass && outcome.done).toBeUndefined()
  })

  it('a store that is away is an error for the framework', async () => {
    const down: Store = { name: 'down', consume: () => Promise.reject<readonly Outcome[]>(new Error('away')), reset: () => undefined }
    await expect(pipeline({ store: down })({})).rejects.toThrow('away')
  })
})

describe('windows from a function', () => {
  it('take no memory for good, however many lengths there are', () => {
    const clock = { ms: 1_700_000_000_000, now: () => clock.ms }
    let length = 1_000
    const store = memoryStore({ clock })
    const decide = pipeline({ store, window: () => (length += 1) })
    for (let i = 0; i < 5_000; i++) {
      clock.ms += 1_000
      decide({ address: `192.0.2.${i % 250}` })
    }
    const { tables } = (store as unknown as { states: { slots: { tables: readonly unknown[] } } }).states.slots
    expect(tables.length).toBeLessThan(300)
  })
})
