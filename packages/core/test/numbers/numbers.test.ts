import {
  amendLimit,
  concurrency,
  createLimiter,
  fixedWindow,
  header,
  leakyBucket,
  type Limiter,
  type LimitRule,
  memoryStore,
  type RateLimitOptions,
  slidingLog,
  slidingWindow,
  type StoreEvent,
  tokenBucket,
} from '@sluice/core'
import { createPipeline, type Host } from '@sluice/core/adapter-kit'
import { describe, expect, it, vi } from 'vitest'
import { good, loose, refusal } from '../refusal.ts'

class Request {
  readonly quota: Readonly<Record<string, any>>
  readonly user: string
  constructor(quota: Readonly<Record<string, any>> = {}, user = 'ann') {
    this.quota = quota
    this.user = user
  }
}
const host: Host<Request> = {
  id: (request) => request,
  method: () => 'GET',
  address: () => '192.0.2.1',
  header: (request) => request.user,
}
const made = (options: RateLimitOptions<Request>) => createPipeline(host, { key: header('x-user'), ...options })
const limitsOf = async (decide: ReturnType<typeof made>, quota: object) =>
  (await decide(new Request(quota))).decision?.charges.map(({ limit }) => limit)

/** A limit of each kind whose numbers are all functions. */
const everyKind: readonly LimitRule<string, Request>[] = [
  fixedWindow({ name: 'fixed', limit: ({ quota }) => quota['limit'], window: ({ quota }) => quota['window'], anchor: 'first' }),
  slidingWindow({ name: 'sliding', limit: ({ quota }) => quota['limit'], window: async ({ quota }) => quota['window'] }),
  slidingLog({ name: 'log', limit: async ({ quota }) => quota['limit'], window: ({ quota }) => quota['window'], maxLog: 2_000 }),
  tokenBucket({
    name: 'token',
    limit: ({ quota }) => quota['limit'],
    window: ({ quota }) => quota['window'],
    burst: ({ quota }) => quota['burst'],
    debt: ({ quota }) => quota['debt'],
    defaults: { burst: 5, debt: 1 },
  }),
  leakyBucket({
    name: 'leaky',
    limit: ({ quota }) => quota['limit'],
    window: ({ quota }) => quota['window'],
    burst: ({ quota }) => quota['burst'],
    maxDelay: ({ quota }) => quota['maxDelay'],
    queue: true,
    defaults: { burst: 3, maxDelay: '1s' },
  }),
  concurrency({ name: 'slots', limit: ({ quota }) => quota['limit'], ttl: ({ quota }) => quota['window'], retryHint: '2s' }),
]

describe('M1: numbers per request', () => {
  it('are taken by every factory, for each of its numbers, and checked like a definition', async () => {
    const decide = made({ limits: everyKind })
    expect(await limitsOf(decide, { limit: 7, window: '1h', burst: 9, debt: 2, maxDelay: '5s' })).toEqual([
      { algorithm: 'fixedWindow', name: 'fixed', limit: 7, window: 3_600_000, anchor: 'first' },
      { algorithm: 'slidingWindow', name: 'sliding', limit: 7, window: 3_600_000 },
      { algorithm: 'slidingLog', name: 'log', limit: 7, window: 3_600_000, maxLog: 2_000 },
      { algorithm: 'tokenBucket', name: 'token', limit: 7, window: 3_600_000, burst: 9, debt: 2 },
      { algorithm: 'leakyBucket', name: 'leaky', limit: 7, window: 3_600_000, burst: 9, queue: true, maxDelay: 5_000 },
      { algorithm: 'concurrency', name: 'slots', limit: 7, window: 3_600_000, retryHint: 2_000 },
    ])
    expect(await limitsOf(decide, { limit: Infinity, window: '1h' })).toEqual([])
    expect((await decide(new Request({ limit: 0, window: '1h' }, 'bob'))).pass).toBe(false)
    const month = fixedWindow<'month', Request>({
      name: 'month',
      limit: 5,
      window: ({ quota }) => quota['window'],
      timeZone: 'Europe/Berlin',
      defaults: { window: 'month' },
    })
    const calendar = made({ limits: [month] })
    expect(await limitsOf(calendar, {})).toMatchObject([{ window: 'month', timeZone: 'Europe/Berlin' }])
    expect(await limitsOf(calendar, { window: 'day' })).toMatchObject([{ window: 'day', timeZone: 'Europe/Berlin' }])
    expect(await limitsOf(calendar, { window: '1h' })).toEqual([{ algorithm: 'fixedWindow', name: 'month', limit: 5, window: 3_600_000 }])
  })

  it('F05: undefined and null give the default, an invalid value the definition, and never the numbers of another request', async () => {
    const warning = vi.fn<(event: StoreEvent) => void>()
    const decide = made({
      limits: [
        slidingLog({ name: 'log', limit: ({ quota }) => quota['limit'], window: '1m', defaults: { limit: 5 } }),
        tokenBucket({ name: 'bucket', limit: 10, window: '1s', burst: ({ quota }) => quota['burst'] }),
      ],
      on: { warning },
    })
    const numbers = async (quota: object) => (await limitsOf(decide, quota))?.map(({ limit, burst }) => burst ?? limit)
    expect(await numbers({ limit: 700, burst: 20 })).toEqual([700, 20])
    for (const nothing of [undefined, null]) expect(await numbers({ limit: nothing, burst: 30 })).toEqual([5, 30])
    expect(warning).not.toHaveBeenCalled()
    // Of a limit that is a function: the largest of a log is 1,000.
    for (const nonsense of [Number.NaN, -1, 1.5, '7', 1_001, {}, () => 1, Symbol('x')])
      expect(await numbers({ limit: nonsense, burst: 30 })).toEqual([5, 30])
    for (const nonsense of [undefined, 0, Infinity]) expect(await numbers({ limit: 700, burst: nonsense })).toEqual([700, 10])
    const messages = warning.mock.calls.map(([event]) => ('message' in event ? event.message : ''))
    expect(messages).toEqual([
      expect.stringContaining('limit of a request is ignored, and 5 per 60000 ms are used: limit "log": limit: expected a whole number'),
      expect.stringContaining('burst of a request is ignored, and 10 per 1000 ms are used: limit "bucket": burst: expected a value'),
    ])
  })

  it('are read of the limits of the tier of the request, and only of those', async () => {
    const read = vi.fn<(request: Request) => number>(({ quota }) => quota['limit'])
    const decide = made({
      tier: ({ quota }) => quota['tier'],
      tiers: {
        free: [slidingWindow({ name: 'minute', limit: 3, window: '1m' })],
        paid: [slidingWindow({ name: 'minute', limit: read, window: '1m' })],
      },
    })
    expect(await limitsOf(decide, { tier: 'free' })).toMatchObject([{ limit: 3 }])
    expect(read).not.toHaveBeenCalled()
    expect(await limitsOf(decide, { tier: 'paid', limit: 8 })).toMatchObject([{ limit: 8 }])
    expect(read).toHaveBeenCalledTimes(1)
  })

  it('stay with a limiter that is mounted elsewhere, and with one of createLimiter', async () => {
    const minute = slidingWindow({ name: 'minute', limit: ({ quota }: Request) => quota['limit'], window: '1m' })
    const first = made({ limits: [minute] })
    expect(await limitsOf(made({ limiter: first.limiter }), { limit: 4 })).toMatchObject([{ limit: 4 }])
    expect(await limitsOf(made({ limiter: createLimiter({ limits: [minute] }) }), { limit: 5 })).toMatchObject([{ limit: 5 }])
  })

  it('reject the request if a function throws or rejects, and no other rejection is left unhandled', async () => {
    const away = async () => Promise.reject<number>(new Error('database away'))
    const decide = made({
      limits: [
        slidingWindow({ name: 'a', limit: away, window: '1m' }),
        slidingWindow({ name: 'b', limit: away, window: '1m' }),
        slidingWindow({
          name: 'c',
          limit: ({ quota }) => {
            if (quota['broken'] === true) throw new Error('broken')
            return 1
          },
          window: '1m',
        }),
      ],
    })
    await expect(Promise.resolve(decide(new Request()))).rejects.toThrow('database away')
    expect(() => decide(new Request({ broken: true }))).toThrow('broken')
    await new Promise((resolve) => setImmediate(resolve))
  })

  it('that are known are one limit, also when as many as are kept are known', async () => {
    const limiter = createLimiter({ limits: [slidingWindow({ name: 'minute', limit: 1, window: '1m' })] })
    const limitOf = async (limit: number) => (await limiter.peek('a', { numbers: { minute: { limit } } })).charges[0]?.limit
    for (let i = 2; i <= 1_000; i++) await limitOf(i)
    const known = await limitOf(7)
    await limitOf(1_001)
    await limitOf(1_001)
    expect(await limitOf(7)).toBe(known)
  })

  it('take no memory for good, however many there are', () => {
    const store = memoryStore({ clock: { now: () => 1_000 } })
    let limit = 0
    const decide = made({ store, limits: [fixedWindow({ name: 'a', limit: () => (limit += 1), window: '1m' })] })
    for (let i = 0; i < 5_000; i++) void decide(new Request({}, `user ${i % 10}`))
    const { tables } = (store as unknown as { states: { slots: { tables: readonly unknown[] } } }).states.slots
    expect(tables.length).toBe(1)
  })
})

describe('M1: the methods of a limiter', () => {
  const rules = () => [
    slidingWindow({ name: 'minute', limit: ({ quota }: Request) => quota['limit'], window: '1m' }),
    tokenBucket({ name: 'bucket', limit: ({ quota }: Request) => quota['limit'], window: '1m', burst: 2, defaults: { limit: 9 } }),
  ]
  const leftOf = ({ outcomes }: Awaited<ReturnType<Limiter['peek']>>) => outcomes.map((outcome) => outcome?.remaining)

  it('see the numbers of a request that they are called with', async () => {
    const decide = made({ limits: rules() })
    const ann = new Request({ limit: 50 })
    await decide(ann)
    expect(leftOf(await decide.limiter.peek(ann, { cost: 0 }))).toEqual([49, 1])
    await decide.limiter.consume(ann)
    await decide.limiter.penalize(ann, { cost: { minute: 8, bucket: 0 } })
    expect(leftOf(await decide.limiter.peek(ann, { cost: 0 }))).toEqual([40, 0])
    await decide.limiter.reset(ann)
    expect(leftOf(await decide.limiter.peek(ann, { cost: 0 }))).toEqual([50, 2])
    expect(leftOf(await decide.limiter.peek(ann, { cost: 0, numbers: { minute: { limit: 60 } } }))).toEqual([60, 2])
    expect(leftOf(await decide.limiter.peek(new Request({ limit: Infinity }), { cost: 0, numbers: { minute: { limit: 5 } } }))).toEqual([5])
  })

  it('take the numbers of the call where there is no request, else the defaults, else they fail', async () => {
    const limiter = createLimiter({ name: 'jobs', limits: rules() })
    for (const method of ['consume', 'peek', 'penalize'] as const) {
      const { code, message } = refusal(() => limiter[method]('ann'))
      expect([code, message]).toEqual([
        'ERR_LIMIT_NUMBERS',
        expect.stringContaining('limiter "jobs": limit "minute": expected limit in numbers, since no request'),
      ])
    }
    const numbers = { minute: { limit: 20 } }
    expect(leftOf(await limiter.consume('ann', { numbers }))).toEqual([19, 1])
    expect(leftOf(await limiter.penalize('ann', { numbers, cost: { minute: 4, bucket: 1 } }))).toEqual([15, 0])
    expect((await limiter.peek({ bucket: 'ann' })).binding).toMatchObject({ name: 'bucket', limit: 9 })
    expect(leftOf(await limiter.peek('ann', { numbers: { minute: { limit: 20, window: '2m' }, bucket: { burst: 7 } }, cost: 0 }))).toEqual([
      20, 5,
    ])
    expect(leftOf(await limiter.peek('ann', { numbers: { minute: { limit: Infinity } }, cost: 0 }))).toEqual([0])
    await limiter.reset('ann')
    expect(leftOf(await limiter.peek('ann', { numbers, cost: 0 }))).toEqual([20, 2])
  })

  it('change limits without functions too, for one call', async () => {
    const limiter = createLimiter({ limits: [fixedWindow({ name: 'day', limit: 10, window: 'day', timeZone: 'Europe/Berlin' })] })
    await limiter.consume('ann')
    const raised = await limiter.consume('ann', { numbers: { day: { limit: 500 } } })
    expect(raised).toMatchObject({ remaining: 498, binding: { limit: 500, window: 'day', timeZone: 'Europe/Berlin' } })
    expect(await limiter.consume('ann')).toMatchObject({ remaining: 7, binding: { limit: 10 } })
    // Equal numbers are one limit, since caches find what they keep of a limit by the object.
    const again = await limiter.consume('ann', { numbers: { day: { limit: 500 } } })
    expect(again.binding).toBe(raised.binding)
  })

  it.each([
    [{ nope: { limit: 1 } }, 'ERR_OPTION_UNKNOWN', 'numbers: "nope" is not an option'],
    [{ minute: { limt: 1 } }, 'ERR_OPTION_UNKNOWN', 'use limit'],
    [{ minute: { burst: 1 } }, 'ERR_OPTION_UNKNOWN', 'expected one of limit, window'],
    [{ minute: { name: 'b' } }, 'ERR_OPTION_UNKNOWN', 'name'],
    [{ minute: 5 }, 'ERR_OPTION_INVALID', 'expected an options object'],
    [5, 'ERR_OPTION_INVALID', 'expected an options object'],
    [{ minute: { limit: -1 } }, 'ERR_OPTION_INVALID', 'limit "minute": limit: expected a whole number, 0 or more, got -1'],
    [{ minute: { limit: () => 5 } }, 'ERR_OPTION_INVALID', 'got a function'],
    [{ minute: { limit: 2 ** 50 } }, 'ERR_LIMIT_INEXACT', 'at most'],
    [{ minute: { limit: Infinity, window: 'x' } }, 'ERR_OPTION_INVALID', 'window'],
  ])('refuse the numbers %j of a call', (numbers, code, text) => {
    const limiter = createLimiter({ limits: [slidingWindow({ name: 'minute', limit: 5, window: '1m' })] })
    const thrown = refusal(() => limiter.consume('ann', { numbers: numbers as never }))
    expect([thrown.code, thrown.message]).toEqual([code, expect.stringContaining(text)])
    const request = refusal(() => made({ limiter }).limiter.consume(new Request(), { numbers: numbers as never }))
    expect(request.code).toBe(code)
  })
})

describe('M1: the definition', () => {
  const one = (): number => 1
  it('has the defaults as its numbers, else 100 a minute', () => {
    const { limit, numbers } = fixedWindow({ name: 'a', limit: () => 1, window: () => '1h' as const, defaults: { window: 'week' } })
    expect(limit).toEqual({ algorithm: 'fixedWindow', name: 'a', limit: 100, window: 'week' })
    expect(Object.keys(numbers?.functions ?? {})).toEqual(['limit', 'window'])
    expect(slidingWindow({ name: 'a', limit: 5, window: '1m' })).not.toHaveProperty('numbers')
    expect(concurrency({ name: 'a', limit: () => 1, ttl: () => 5_000 }).limit).toMatchObject({ limit: 100, window: 60_000 })
  })

  it.each([
    ['slidingWindow', { ...good, defaults: { limit: 5 } }, 'ERR_OPTION_CONFLICT', 'expected a function as limit or window'],
    ['slidingWindow', { ...good, limit: one, defaults: { window: '1h' } }, 'ERR_OPTION_UNKNOWN', 'expected one of limit'],
    ['slidingWindow', { ...good, limit: one, defaults: { limit: -5 } }, 'ERR_OPTION_INVALID', 'got -5'],
    ['slidingWindow', { ...good, limit: one, defaults: 5 }, 'ERR_OPTION_INVALID', 'defaults: expected an options object'],
    ['slidingLog', { ...good, limit: one, defaults: { limit: 5_000 } }, 'ERR_LIMIT_INEXACT', 'at most 1000'],
    ['leakyBucket', { ...good, maxDelay: () => 1 }, 'ERR_OPTION_CONFLICT', 'maxDelay needs queue: true'],
  ] as const)('of %s is checked when it is made (%#)', (factory, options, code, text) => {
    const thrown = refusal(() => loose[factory](options))
    expect([thrown.code, thrown.message]).toEqual([code, expect.stringContaining(text)])
  })

  it('is amended: a number replaces a function, and a function stands over the numbers before', async () => {
    const minute = slidingWindow({ name: 'minute', limit: ({ quota }: Request) => quota['limit'], window: '1m', defaults: { limit: 30 } })
    const fixed = amendLimit(minute, { limit: 7 })
    expect(fixed).toEqual({ limit: { algorithm: 'slidingWindow', name: 'minute', limit: 7, window: 60_000 } })
    const both = amendLimit(minute, { window: ({ quota }) => quota['window'], scope: 'x', name: 'other' })
    expect(both).toMatchObject({ limit: { name: 'other', limit: 30 }, scope: 'x', numbers: { defaults: { limit: 30, window: 60_000 } } })
    expect(await limitsOf(made({ limits: [both] }), { limit: 3, window: '5s' })).toMatchObject([{ limit: 3, window: 5_000 }])
    const slots = amendLimit(concurrency({ name: 'slots', limit: 3, ttl: '30s' }), {
      limit: ({ quota }: Request): number => quota['limit'],
    })
    expect(await limitsOf(made({ limits: [slots] }), {})).toMatchObject([{ limit: 3, window: 30_000 }])
    expect(await limitsOf(made({ limits: [slots] }), { limit: 4 })).toMatchObject([{ limit: 4, window: 30_000 }])
    expect(amendLimit(slots, { window: '1m' }).limit).toMatchObject({ limit: 3, window: 60_000 })
    const bucket = tokenBucket({ name: 'b', limit: 5, window: '1s', burst: ({ quota }: Request): number => quota['burst'] })
    expect(amendLimit(bucket, { limit: 6 })).toMatchObject({ limit: { limit: 6 }, numbers: { defaults: {} } })
  })
})
