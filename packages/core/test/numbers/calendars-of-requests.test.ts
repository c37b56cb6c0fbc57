import {
  amendLimit,
  type CalendarAnchor,
  createLimiter,
  fixedWindow,
  header,
  memoryStore,
  type RateLimitOptions,
  type StoreEvent,
} from '@sluice/core'
import { createPipeline, type Host } from '@sluice/core/adapter-kit'
import { algorithmOf } from '@sluice/core/algorithms'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { good, loose, refusal } from '../refusal.ts'

interface Request {
  readonly user?: string
  readonly zone?: unknown
  readonly day?: unknown
}
const host: Host<Request> = {
  id: (request) => request,
  method: () => 'GET',
  address: () => '192.0.2.1',
  header: (request) => request.user ?? 'ann',
}
const made = (options: RateLimitOptions<Request>) => createPipeline(host, { key: header('x-user'), ...options })

const DAY = 86_400_000
const ZONES = ['UTC', 'Pacific/Kiritimati', 'Etc/GMT+12', 'Pacific/Pago_Pago', 'Europe/Berlin', 'Asia/Kathmandu', 'Australia/Lord_Howe']

describe('M4, M5: the calendar of a request', () => {
  it('begins at the customer’s billing day, in the customer’s time zone', async () => {
    const now = Date.parse('2026-11-30T12:00:00Z')
    const decide = made({
      store: memoryStore({ clock: { now: () => now } }),
      limits: [
        fixedWindow({
          name: 'month',
          limit: 5,
          window: 'month',
          anchor: ({ day }: Request) => ({ day }) as CalendarAnchor,
          timeZone: async ({ zone }: Request) => zone as string,
          defaults: { anchor: { day: 1 }, timeZone: 'UTC' },
        }),
      ],
    })
    const resetOf = async (request: Request) => new Date((await decide(request)).decision?.resetAt ?? 0).toISOString()
    expect(await resetOf({ user: 'ann', day: 15, zone: 'Europe/Berlin' })).toBe('2026-12-14T23:00:00.000Z')
    expect(await resetOf({ user: 'bob', day: 31, zone: 'Asia/Kathmandu' })).toBe('2026-12-30T18:15:00.000Z')
    // Without a value: the defaults.
    expect(await resetOf({ user: 'eve' })).toBe('2026-12-01T00:00:00.000Z')
  })

  it('F05: an invalid zone or anchor gives the default, and is reported once', async () => {
    const warning = vi.fn<(event: StoreEvent & { readonly code?: string; readonly message?: string }) => void>()
    const decide = made({
      on: { warning },
      limits: [
        fixedWindow({
          name: 'day',
          limit: 100,
          window: 'day',
          timeZone: ({ zone }: Request) => zone as string,
          defaults: { timeZone: 'Europe/Berlin' },
        }),
      ],
    })
    for (const zone of ['Mars/Olympus', '../etc/passwd', '', 7, {}, ['UTC'], 'x'.repeat(100_000)])
      expect((await decide({ zone })).decision?.charges[0]?.limit.timeZone).toBe('Europe/Berlin')
    expect(warning.mock.calls.map(([{ code }]) => code)).toEqual(['WARN_VALUE_IGNORED'])
    expect(warning.mock.calls[0]?.[0].message).toContain('limit "day": timeZone: expected an IANA time zone')
  })

  it('F05: an invalid zone does not change the limit of the request', async () => {
    const warning = vi.fn<(event: StoreEvent & { readonly message?: string }) => void>()
    const decide = made({
      on: { warning },
      limits: [
        fixedWindow({
          name: 'day',
          limit: ({ day }: Request) => day as number,
          window: 'day',
          timeZone: ({ zone }: Request) => zone as string,
          defaults: { limit: 100 },
        }),
      ],
    })
    const limitOf = async (request: Request) => (await decide(request)).decision?.charges.map(({ limit }) => [limit.limit, limit.timeZone])
    expect(await limitOf({ day: 0, zone: 'Mars/Olympus' })).toEqual([[0, undefined]])
    expect(await limitOf({ day: 7 })).toEqual([[7, undefined]])
    expect(await limitOf({ day: Infinity, zone: 'Mars/Olympus' })).toEqual([])
    expect(await limitOf({ day: -1, zone: 'Asia/Tokyo' })).toEqual([[100, undefined]])
    expect(await limitOf({ zone: 'Asia/Tokyo' })).toEqual([[100, 'Asia/Tokyo']])
    expect(warning.mock.calls[0]?.[0].message).toContain(
      'timeZone of a request is ignored, and the defaults are used: limit "day": timeZone',
    )
  })

  it('is refused where the window is no calendar window', () => {
    expect(refusal(() => loose.fixedWindow({ ...good, timeZone: () => 'UTC' })).code).toBe('ERR_OPTION_CONFLICT')
    expect(refusal(() => loose.fixedWindow({ ...good, window: 'day', timeZone: () => 'UTC', defaults: { timeZone: 'Mars' } })).code).toBe(
      'ERR_OPTION_INVALID',
    )
  })

  it('stays in an amended limit, and leaves with the window that it belongs to', () => {
    const month = fixedWindow({ name: 'a', limit: 1, window: 'month', anchor: { day: 15 }, timeZone: 'Europe/Berlin' })
    expect(amendLimit(month, { limit: 2 }).limit).toMatchObject({
      limit: 2,
      window: 'month',
      anchor: { day: 15 },
      timeZone: 'Europe/Berlin',
    })
    expect(amendLimit(month, { window: '1h' }).limit).toEqual({ algorithm: 'fixedWindow', name: 'a', limit: 1, window: 3_600_000 })
    const own = fixedWindow({ name: 'a', limit: 1, window: 'month', anchor: () => ({ day: 15 }), delay: { after: 5, step: 500 } })
    const delay = { after: 5, step: 500, max: 20_000 }
    expect(amendLimit(own, { limit: 2 })).toMatchObject({ limit: { limit: 2, window: 'month', movable: true, delay } })
    expect(Object.keys(amendLimit(own, { limit: 2 }).numbers?.functions ?? {})).toEqual(['anchor'])
    expect(amendLimit(own, { window: '1h' }).limit).toEqual({ algorithm: 'fixedWindow', name: 'a', limit: 1, window: 3_600_000, delay })
  })

  it('is in numbers of a call, for a limit whose calendar is a function', async () => {
    const now = Date.parse('2026-11-30T12:00:00Z')
    const store = memoryStore({ clock: { now: () => now } })
    const own = createLimiter({ store, limits: [fixedWindow({ name: 'month', limit: 5, window: 'month', anchor: () => undefined })] })
    const numbers = { month: { anchor: { day: 15 }, timeZone: 'Europe/Berlin' } } as const
    expect(new Date((await own.consume('ann', { numbers })).resetAt).toISOString()).toBe('2026-12-14T23:00:00.000Z')
    expect((await own.consume('ann', { numbers })).remaining).toBe(3)
    expect((await own.peek('ann', { numbers: { month: { anchor: { day: 3 } } } })).remaining).toBe(3)
    const fixed = createLimiter({ name: 'fixed', store, limits: [fixedWindow({ name: 'month', limit: 5, window: 'month' })] })
    expect(refusal(() => fixed.consume('ann', { numbers })).code).toBe('ERR_OPTION_UNKNOWN')
  })
})

describe('M5: another calendar gives no second quota', () => {
  const LIMIT = 3
  const world = (window: 'day' | 'week' | 'month' | 'quarter' | 'year', start: number) => {
    const clock = { ms: start, now: () => clock.ms }
    const limits = [fixedWindow({ name: 'quota', limit: LIMIT, window, anchor: () => ({}), timeZone: () => 'UTC' })]
    const limiter = createLimiter({ limits, store: memoryStore({ clock }) })
    const consume = (timeZone: string, anchor: CalendarAnchor = {}) =>
      limiter.consume('ann', { numbers: { quota: { timeZone, anchor } } }) as Exclude<ReturnType<typeof limiter.consume>, Promise<unknown>>
    return { clock, limiter, consume }
  }

  it('all zones share one state', () => {
    const variants = Intl.supportedValuesOf('timeZone').map((timeZone) => {
      const { limit } = fixedWindow({ name: 'day', limit: 1, window: 'day', timeZone: () => 'UTC' })
      return algorithmOf(limit).variantOf({ ...limit, timeZone })
    })
    expect(new Set(variants)).toEqual(new Set(['day~']))
  })

  it('a day that has begun in one zone is used in all, and the next day of any zone is new', () => {
    const { clock, consume } = world('day', Date.parse('2026-11-30T10:30:00Z'))
    // The 1st of December on Kiritimati, the 30th in Berlin, the 29th in Pago Pago.
    for (let i = 0; i < LIMIT; i++) expect(consume('Pacific/Kiritimati').allowed).toBe(true)
    for (const zone of ZONES) expect(consume(zone).allowed).toBe(false)
    expect(new Date(clock.ms + consume('Europe/Berlin').retryAfter).toISOString()).toBe('2026-12-01T23:00:00.000Z')
    clock.ms = Date.parse('2026-12-01T22:59:59.999Z')
    expect(consume('Europe/Berlin').allowed).toBe(false)
    expect(consume('Pacific/Kiritimati').allowed).toBe(true)
  })

  it('a client that goes to and fro, and has a charge refunded, gains nothing', async () => {
    const { clock, consume, limiter } = world('day', Date.parse('2026-11-30T10:30:00Z'))
    for (let i = 0; i < LIMIT; i++) expect(consume('Europe/Berlin').allowed).toBe(true)
    const ahead = consume('Pacific/Kiritimati')
    expect(ahead.allowed).toBe(true)
    await limiter.refund(ahead)
    // Long enough for the store to forget what is unused.
    clock.ms += 2 * 3_600_000
    for (let i = 0; i < 50; i++) await limiter.peek('bob', { numbers: { quota: { timeZone: 'UTC', anchor: {} } } })
    for (let i = 0; i < LIMIT; i++) expect(consume('Pacific/Kiritimati').allowed).toBe(true)
    for (const zone of ZONES) expect(consume(zone).allowed).toBe(false)
  })

  it.each([
    ['day', 1],
    ['week', 7],
    ['month', 28],
    ['quarter', 90],
    ['year', 365],
  ] as const)('%s: whatever zones and anchors a client names, it has a quota for each window, and three more', (window, days) => {
    const anchor = fc.record(
      {
        ...(window === 'week' && { weekday: fc.constantFrom('monday' as const, 'thursday' as const, 'sunday' as const) }),
        ...((window === 'quarter' || window === 'year') && { month: fc.integer({ min: 1, max: 12 }) }),
        ...(window !== 'day' && window !== 'week' && { day: fc.integer({ min: 1, max: 28 }) }),
        hour: fc.integer({ min: 0, max: 23 }),
      },
      { requiredKeys: [] },
    ) as fc.Arbitrary<CalendarAnchor>
    const request = fc.record({ zone: fc.constantFrom(...ZONES), anchor, after: fc.double({ min: 0, max: 0.6, noNaN: true }) })
    const property = fc.property(
      fc.integer({ min: 0, max: 4_000_000_000_000 }),
      fc.array(request, { minLength: 20, maxLength: 60 }),
      (start, requests) => {
        const { clock, consume } = world(window, start)
        let admitted = 0
        for (const { zone, anchor, after } of requests) {
          clock.ms += Math.floor(after * after * days * DAY)
          while (consume(zone, anchor).allowed) admitted += 1
        }
        // A window ends before the first request, and one after the last.
        const windows = Math.floor((clock.ms - start) / (days * DAY)) + 2
        expect(admitted).toBeLessThanOrEqual((windows + 3) * LIMIT)
      },
    )
    fc.assert(property, { numRuns: 40 })
  })
})
