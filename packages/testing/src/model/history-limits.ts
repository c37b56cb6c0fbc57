import type { Limit } from '@sluice/core'
import fc from 'fast-check'

// Random limits for histories: small and large numbers, rates that do not divide evenly, windows from 1 ms to a month. Each
// value is a list of limits that take turns on one scope: other quotas and bursts, and other windows where the state allows it.

const MAX = Number.MAX_SAFE_INTEGER

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const quantity: fc.Arbitrary<number> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(1, 2, 3, 5, 7, 10) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 100 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 60, 61, 997, 1000, 1_000_000) },
)
const window: fc.Arbitrary<number> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(SECOND, 10 * SECOND, MINUTE, MINUTE, HOUR) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 100 * SECOND }) },
  { weight: 1, arbitrary: fc.constantFrom(1, 7, DAY, 30 * DAY) },
)
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/Havana',
  'America/Sao_Paulo',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Pacific/Apia',
  'America/St_Johns',
  'Africa/Casablanca',
  undefined,
]

const delays = fc.option(
  fc.record({
    after: fc.constantFrom(0, 1, 2, 5, 1000),
    step: fc.constantFrom(1, 500, 7 * DAY),
    max: fc.constantFrom(1, 20_000, 366 * DAY),
  }),
  { nil: undefined, freq: 2 },
)

/** Among them the zones that are furthest apart: 26 hours. */
const FAR_ZONES = ['Pacific/Kiritimati', 'Etc/GMT+12', 'Pacific/Pago_Pago', ...ZONES]

/** One to three limits of different quotas and delays. One in four of them has a window of its own, as from a function. */
function windows(data: fc.Arbitrary<Omit<Limit, 'name' | 'limit'>>, quantities: fc.Arbitrary<number> = quantity): fc.Arbitrary<Limit[]> {
  const one = fc.record({
    limit: quantities,
    delay: delays,
    own: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: window }),
  })
  return fc.record({ data, numbers: fc.array(one, { minLength: 1, maxLength: 3 }) }).map(({ data, numbers }) =>
    numbers.map(({ limit, delay, own }) => {
      if (typeof data.window !== 'number') return limitOf({ ...data, delay, limit })
      const length = own ?? data.window
      return limitOf({ ...data, window: length, delay, limit: Math.min(limit, Math.floor(MAX / length)) })
    }),
  )
}

/** Windows of which a region may use a part, 0 to the whole, that differs from limit to limit. */
function withRights(limits: fc.Arbitrary<Limit[]>): fc.Arbitrary<Limit[]> {
  return fc
    .record({ limits, parts: fc.array(fc.constantFrom(0, 0.3, 0.5, 1), { minLength: 3, maxLength: 3 }) })
    .map(({ limits: all, parts }) =>
      all.map((limit, i) => Object.freeze({ ...limit, rights: Math.floor(limit.limit * (parts[i] as number)) })),
    )
}

/** One to three bucket limits of any numbers. Those whose state could not be exact are left out, as the factories refuse them. */
function buckets(algorithm: 'tokenBucket' | 'leakyBucket', extras: fc.Arbitrary<Partial<Limit>>): fc.Arbitrary<Limit[]> {
  const one = fc
    .record({ limit: quantity, window, extra: extras })
    .map(({ limit, window, extra }) => limitOf({ algorithm, limit, window, ...extra }))
    .filter(isExact)
  return fc.array(one, { minLength: 1, maxLength: 3 })
}

/** (b + D)·P + N ≤ 2^53 − 1, and full again within 2^52 µs. N/P is not reduced here, so this is slightly stricter than needed. */
function isExact({ limit, window, burst, debt, maxDelay, queue }: Limit): boolean {
  const b = Math.max(burst ?? limit, queue === true ? (limit * (maxDelay ?? SECOND)) / Number(window) + 1 : 0)
  const most = (b + (debt ?? b)) * Number(window) * 1000
  return most + limit < MAX && most / Math.max(1, limit) <= 2 ** 52
}

const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })

/** Hours and minutes of an anchor. Many are shortly before or in the hour that clocks skip or show twice. */
const time = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.record({ hour: fc.constantFrom(0, 1, 2, 3, 6, 23), minute: optional(fc.constantFrom(0, 1, 30, 59)) }),
  },
)
/** Calendar windows and where they begin: by default in two of five. */
const calendars: fc.Arbitrary<Pick<Limit, 'window' | 'anchor'>> = fc
  .oneof(
    { weight: 3, arbitrary: fc.record({ window: fc.constant('day' as const), part: fc.constant({}), time }) },
    {
      weight: 2,
      arbitrary: fc.record({
        window: fc.constant('week' as const),
        part: fc.record({ weekday: optional(fc.constantFrom('monday' as const, 'sunday' as const, 'friday' as const)) }),
        time,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        window: fc.constant('month' as const),
        part: fc.record({ day: optional(fc.constantFrom(1, 15, 28, 29, 30, 31)) }),
        time,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        window: fc.constantFrom('quarter' as const, 'year' as const),
        part: fc.record({ month: optional(fc.constantFrom(1, 2, 4, 11)), day: optional(fc.constantFrom(1, 6, 28, 29)) }),
        time,
      }),
    },
  )
  .map(({ window, part, time }) => ({ window, anchor: withoutUndefined({ ...part, ...time }) }))

/** The kinds of limits that histories are made of. */
export type Family =
  | 'fixedWindow, epoch'
  | 'fixedWindow, first'
  | 'fixedWindow, calendar'
  | 'fixedWindow, calendar of the request'
  | 'slidingWindow'
  | 'fixedWindow, rights'
  | 'slidingWindow, rights'
  | 'slidingLog'
  | 'tokenBucket'
  | 'leakyBucket, meter'
  | 'leakyBucket, queue'
  | 'concurrency'

/** Generators of the limits of each family. */
export const families: Readonly<Record<Family, fc.Arbitrary<Limit[]>>> = {
  'fixedWindow, epoch': windows(window.map((window) => ({ algorithm: 'fixedWindow', window }))),
  'fixedWindow, first': windows(window.map((window) => ({ algorithm: 'fixedWindow', window, anchor: 'first' }))),
  'fixedWindow, calendar': windows(
    fc
      .record({ beginning: calendars, timeZone: fc.constantFrom(...ZONES) })
      .map(({ beginning, timeZone }) => ({ algorithm: 'fixedWindow', ...beginning, timeZone })),
  ),
  'fixedWindow, calendar of the request': calendars.chain(({ window }) => {
    const beginning = fc.record({
      beginning: calendars.filter((other) => other.window === window),
      timeZone: fc.constantFrom(...FAR_ZONES),
    })
    return fc
      .array(fc.record({ beginning, limit: quantity }), { minLength: 2, maxLength: 4 })
      .map((numbers) =>
        numbers.map(({ beginning: { beginning, timeZone }, limit }) =>
          limitOf({ algorithm: 'fixedWindow', ...beginning, timeZone, limit, movable: true }),
        ),
      )
  }),
  slidingWindow: windows(window.map((window) => ({ algorithm: 'slidingWindow', window }))),
  'fixedWindow, rights': withRights(windows(window.map((window) => ({ algorithm: 'fixedWindow', window })))),
  'slidingWindow, rights': withRights(windows(window.map((window) => ({ algorithm: 'slidingWindow', window })))),
  slidingLog: windows(
    window.map((window) => ({ algorithm: 'slidingLog', window })),
    fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 1, max: 20 }) }, { weight: 1, arbitrary: fc.constantFrom(0, 1000) }),
  ),
  tokenBucket: buckets(
    'tokenBucket',
    fc.record({ burst: optional(quantity.map((n) => n + 1)), debt: optional(fc.constantFrom(0, 1, 5, 1000)) }),
  ),
  'leakyBucket, meter': buckets('leakyBucket', fc.record({ burst: optional(quantity.map((n) => n + 1)) })),
  'leakyBucket, queue': buckets(
    'leakyBucket',
    fc.record({
      queue: fc.constant(true),
      burst: optional(fc.integer({ min: 1, max: 20 })),
      maxDelay: optional(fc.constantFrom(1, 999, SECOND, 10 * SECOND, MINUTE)),
    }),
  ),
  concurrency: fc
    .record({
      retryHint: optional(fc.constantFrom(1, SECOND, HOUR)),
      numbers: fc.array(fc.record({ limit: fc.integer({ min: 0, max: 4 }), window }), { minLength: 1, maxLength: 3 }),
    })
    .map(({ numbers, retryHint }) => numbers.map((each) => limitOf({ algorithm: 'concurrency', ...each, retryHint }))),
}

/** Families of which a region uses a part. Only stores whose counts can be below 0 decide them, and no limiter makes them. */
export const RIGHTS_FAMILIES: readonly Family[] = ['fixedWindow, rights', 'slidingWindow, rights']

/** Drops fields that are `undefined`, as the factories do, and adds a name. */
function limitOf(data: Omit<Limit, 'name'>): Limit {
  return Object.freeze(withoutUndefined({ ...data, name: 'limit' }))
}

function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T
}
