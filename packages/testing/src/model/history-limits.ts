import type { Limit } from '@sluice/core'
import fc from 'fast-check'

// Limits as histories meet them: small and large numbers, rates that do not divide, windows from 1 ms to a month. Each is
// a list of limits that may take turns on one scope: other quantities and bursts, and where a state outlives it, other windows.

const MOST = Number.MAX_SAFE_INTEGER

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

/** Several quantities, first, over one window. */
function sharing(data: fc.Arbitrary<Omit<Limit, 'name' | 'limit'>>, quantities: fc.Arbitrary<number> = quantity): fc.Arbitrary<Limit[]> {
  return fc
    .record({ data, quantities: fc.array(quantities, { minLength: 1, maxLength: 3 }) })
    .map(({ data, quantities }) =>
      quantities.map((limit) =>
        named({ ...data, limit: typeof data.window === 'number' ? Math.min(limit, Math.floor(MOST / data.window)) : limit }),
      ),
    )
}

/** Any bucket limits over one state: only what could not be exact is left out, as a factory would. */
function buckets(algorithm: 'tokenBucket' | 'leakyBucket', extras: fc.Arbitrary<Partial<Limit>>): fc.Arbitrary<Limit[]> {
  const one = fc
    .record({ limit: quantity, window, extra: extras })
    .map(({ limit, window, extra }) => named({ algorithm, limit, window, ...extra }))
    .filter(isExact)
  return fc.array(one, { minLength: 1, maxLength: 3 })
}

/** (b + D)·P + N ≤ 2^53 − 1, not in lowest terms, so a little stricter than it must be; and full again within 2^52 µs. */
function isExact({ limit, window, burst, debt, maxDelay, queue }: Limit): boolean {
  const b = Math.max(burst ?? limit, queue === true ? (limit * (maxDelay ?? SECOND)) / Number(window) + 1 : 0)
  const most = (b + (debt ?? b)) * Number(window) * 1000
  return most + limit < MOST && most / Math.max(1, limit) <= 2 ** 52
}

const some = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })

export type Family =
  | 'fixedWindow, epoch'
  | 'fixedWindow, first'
  | 'fixedWindow, calendar'
  | 'slidingWindow'
  | 'slidingLog'
  | 'tokenBucket'
  | 'leakyBucket, meter'
  | 'leakyBucket, queue'
  | 'concurrency'

export const families: Readonly<Record<Family, fc.Arbitrary<Limit[]>>> = {
  'fixedWindow, epoch': sharing(window.map((window) => ({ algorithm: 'fixedWindow', window }))),
  'fixedWindow, first': sharing(window.map((window) => ({ algorithm: 'fixedWindow', window, anchor: 'first' }))),
  'fixedWindow, calendar': sharing(
    fc
      .record({
        window: fc.constantFrom('day' as const, 'day' as const, 'week' as const, 'month' as const),
        timeZone: fc.constantFrom(...ZONES),
      })
      .map((given) => ({
        algorithm: 'fixedWindow',
        ...given,
      })),
  ),
  slidingWindow: sharing(window.map((window) => ({ algorithm: 'slidingWindow', window }))),
  slidingLog: sharing(
    window.map((window) => ({ algorithm: 'slidingLog', window })),
    fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 1, max: 20 }) }, { weight: 1, arbitrary: fc.constantFrom(0, 1000) }),
  ),
  tokenBucket: buckets('tokenBucket', fc.record({ burst: some(quantity.map((n) => n + 1)), debt: some(fc.constantFrom(0, 1, 5, 1000)) })),
  'leakyBucket, meter': buckets('leakyBucket', fc.record({ burst: some(quantity.map((n) => n + 1)) })),
  'leakyBucket, queue': buckets(
    'leakyBucket',
    fc.record({
      queue: fc.constant(true),
      burst: some(fc.integer({ min: 1, max: 20 })),
      maxDelay: some(fc.constantFrom(1, 999, SECOND, 10 * SECOND, MINUTE)),
    }),
  ),
  concurrency: fc
    .record({
      window,
      retryHint: some(fc.constantFrom(1, SECOND, HOUR)),
      quantities: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 }),
    })
    .map(({ quantities, window, retryHint }) => quantities.map((limit) => named({ algorithm: 'concurrency', limit, window, retryHint }))),
}

/** Left out rather than `undefined`, as a factory makes it. */
function named(data: Omit<Limit, 'name'>): Limit {
  return Object.freeze(
    Object.fromEntries(Object.entries({ ...data, name: 'limit' }).filter(([, value]) => value !== undefined)),
  ) as unknown as Limit
}
