import { createLimiter, fixedWindow, ip, type LimitRule, memoryStore, slidingWindow, tokenBucket } from '@sluice/core'
import { describe, expect, it } from 'vitest'
import { good, loose, refusal } from './refusal.ts'

describe('the definition of a limit is refused', () => {
  const numbers: readonly (readonly [string, unknown])[] = [
    ['negative', -1],
    ['NaN', Number.NaN],
    ['Infinity', Infinity],
    ['a fraction', 1.5],
    ['a string from the environment', '100'],
    ['null', null],
    ['undefined', undefined],
    ['past 2^53', 2 ** 53],
    ['a bigint', 10n],
  ]
  it.each(numbers)('trap: a limit of %s', (_, limit) => {
    for (const factory of [loose.slidingWindow, loose.slidingLog, loose.fixedWindow, loose.tokenBucket, loose.leakyBucket]) {
      const { code, message } = refusal(() => factory({ ...good, limit }))
      expect(code).toBe('ERR_OPTION_INVALID')
      expect(message).toMatch(/limit "a": limit: expected a whole number, 0 or more, got /)
    }
    expect(refusal(() => loose.concurrency({ name: 'a', ttl: '1s', limit })).code).toBe('ERR_OPTION_INVALID')
  })

  it('Pb: a limit of 0 is valid in every factory', () => {
    for (const factory of [loose.slidingWindow, loose.slidingLog, loose.fixedWindow, loose.tokenBucket, loose.leakyBucket])
      expect((factory({ ...good, limit: 0 }) as LimitRule).limit.limit).toBe(0)
    expect((loose.concurrency({ name: 'a', ttl: '1s', limit: 0 }) as LimitRule).limit.limit).toBe(0)
  })

  const windows: readonly unknown[] = [
    '1 m',
    '1',
    'm',
    '',
    '1M',
    '-1s',
    '1e3s',
    '0s',
    0,
    -1,
    0.5,
    Number.NaN,
    Infinity,
    null,
    undefined,
    '367d',
    {},
  ]
  it.each(windows.map((window) => [window]))('trap: a window of %j', (window) => {
    for (const factory of [loose.slidingWindow, loose.slidingLog, loose.fixedWindow, loose.tokenBucket, loose.leakyBucket]) {
      const { code, message } = refusal(() => factory({ ...good, window }))
      expect(code).toBe('ERR_OPTION_INVALID')
      expect(message).toContain("'250ms', '10s', '1m', '1h', '1d'")
    }
  })

  it.each([
    ['250ms', 250],
    ['10s', 10_000],
    ['1.5m', 90_000],
    ['1.1s', 1_100],
    ['1h', 3_600_000],
    ['30d', 2_592_000_000],
    ['366d', 31_622_400_000],
    [1, 1],
  ] as const)('takes the window %s', (window, ms) => {
    expect(slidingWindow({ name: 'a', limit: 1, window }).limit.window).toBe(ms)
  })

  it('trap: a window of 30 days does not overflow to a timer that fires at once', () => {
    const clock = { ms: 1_700_000_000_000, now: () => clock.ms }
    const limiter = createLimiter({
      limits: [fixedWindow({ name: 'a', limit: 1, window: '30d', anchor: 'first' })],
      store: memoryStore({ clock }),
    })
    void limiter.consume('x')
    clock.ms += 30 * 86_400_000 - 1
    expect(limiter.peek('x')).toMatchObject({ allowed: false, retryAfter: 1 })
    clock.ms += 1
    expect(limiter.peek('x')).toMatchObject({ allowed: true })
  })

  it.each(['', '1a', 'a b', 'é', 'a'.repeat(65), 'a"', 'a/b', 7, undefined, null])('a name of %j', (name) => {
    expect(refusal(() => loose.slidingWindow({ ...good, name })).code).toBe('ERR_NAME_INVALID')
  })

  it.each([
    [() => loose.fixedWindow({ ...good, anchor: 'last' }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, window: 'day', anchor: 'first' }), 'ERR_OPTION_CONFLICT'],
    [() => loose.fixedWindow({ ...good, timeZone: 'UTC' }), 'ERR_OPTION_CONFLICT'],
    [() => loose.fixedWindow({ ...good, window: 'day', timeZone: 'Mars/Olympus' }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, window: 'decade' }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, window: 'toString' }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, anchor: { day: 15 } }), 'ERR_OPTION_CONFLICT'],
    [() => loose.fixedWindow({ ...good, window: 'month', anchor: 15 }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, window: 'month', anchor: [15] }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, window: 'month', anchor: null }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, window: 'month', anchor: { days: 15 } }), 'ERR_OPTION_UNKNOWN'],
    [() => loose.fixedWindow({ ...good, window: 'month', anchor: { day: 0 } }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, window: 'month', anchor: { day: 32 } }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, window: 'month', anchor: { day: '15' } }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, window: 'month', anchor: { month: 4 } }), 'ERR_OPTION_CONFLICT'],
    [() => loose.fixedWindow({ ...good, window: 'month', anchor: { weekday: 'sunday' } }), 'ERR_OPTION_CONFLICT'],
    [() => loose.fixedWindow({ ...good, window: 'week', anchor: { weekday: 'Sunday' } }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, window: 'week', anchor: { weekday: 0 } }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, window: 'week', anchor: { day: 7 } }), 'ERR_OPTION_CONFLICT'],
    [() => loose.fixedWindow({ ...good, window: 'day', anchor: { hour: 24 } }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, window: 'day', anchor: { hour: 6, minute: 60 } }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, window: 'day', anchor: { day: 1 } }), 'ERR_OPTION_CONFLICT'],
    [() => loose.fixedWindow({ ...good, window: 'year', anchor: { month: 13 } }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, window: 'year', anchor: { month: 2, day: 30 } }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, window: 'year', anchor: { month: 4, day: 31 } }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, delay: 500 }), 'ERR_OPTION_INVALID'],
    [() => loose.slidingWindow({ ...good, delay: { after: 5 } }), 'ERR_OPTION_INVALID'],
    [() => loose.slidingLog({ ...good, delay: { after: -1, step: '1s' } }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, delay: { after: 1.5, step: '1s' } }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, delay: { after: 5, step: 0 } }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, delay: { after: 5, step: '1s', max: 'long' } }), 'ERR_OPTION_INVALID'],
    [() => loose.fixedWindow({ ...good, delay: { after: 5, step: '1s', maximum: 1 } }), 'ERR_OPTION_UNKNOWN'],
    [() => loose.tokenBucket({ ...good, delay: { after: 5, step: '1s' } }), 'ERR_OPTION_UNKNOWN'],
    [() => loose.leakyBucket({ ...good, maxDelay: '1s' }), 'ERR_OPTION_CONFLICT'],
    [() => loose.leakyBucket({ ...good, queue: 'yes' }), 'ERR_OPTION_INVALID'],
    [() => loose.leakyBucket({ ...good, queue: true, maxDelay: 'soon' }), 'ERR_OPTION_INVALID'],
    [() => loose.tokenBucket({ ...good, burst: 0 }), 'ERR_OPTION_INVALID'],
    [() => loose.tokenBucket({ ...good, burst: 1.5 }), 'ERR_OPTION_INVALID'],
    [() => loose.tokenBucket({ ...good, debt: -1 }), 'ERR_OPTION_INVALID'],
    [() => loose.slidingLog({ ...good, maxLog: 2_001 }), 'ERR_OPTION_INVALID'],
    [() => loose.slidingLog({ ...good, limit: 1_001 }), 'ERR_LIMIT_INEXACT'],
    [() => loose.concurrency({ name: 'a', limit: 1 }), 'ERR_OPTION_INVALID'],
    [() => loose.concurrency({ name: 'a', limit: 1, ttl: '1s', retryHint: 0 }), 'ERR_OPTION_INVALID'],
  ])('%s', (define, code) => {
    expect(refusal(define).code).toBe(code)
  })

  it('M4, M6: an anchor that makes no sense, with what would', () => {
    expect(refusal(() => loose.fixedWindow({ ...good, window: 'month', anchor: { weekday: 'sunday' } })).message).toContain(
      'limit "a": anchor: a \'month\' cannot begin at a weekday; expected some of day, hour, minute (ERR_OPTION_CONFLICT',
    )
    expect(refusal(() => loose.fixedWindow({ ...good, anchor: { day: 15 } })).message).toContain(
      `an anchor with a date or a time needs a calendar window: expected window: 'day', 'week', 'month', 'quarter' or 'year', got the string "1m"`,
    )
    expect(refusal(() => loose.fixedWindow({ ...good, window: 'year', anchor: { month: 2, day: 30 } })).message).toContain(
      'limit "a": anchor.day: expected at most 29, the last day of month 2, got 30',
    )
  })

  it('M3: the options of express-slow-down, with what to use', () => {
    for (const name of ['delayAfter', 'delayMs', 'maxDelayMs']) {
      expect(refusal(() => loose.fixedWindow({ ...good, [name]: 1 })).message).toContain('use limits, with slidingWindow({ delay: {')
    }
  })

  it('numbers that would not be exact, with a proposal', () => {
    const window = refusal(() => slidingWindow({ name: 'a', limit: 2 ** 40, window: '30d' }))
    expect(window.code).toBe('ERR_LIMIT_INEXACT')
    const most = Number(/at most (\d+)/.exec(window.message)?.[1])
    expect(slidingWindow({ name: 'a', limit: most, window: '30d' }).limit.limit).toBe(most)
    expect(() => slidingWindow({ name: 'a', limit: most + 1, window: '30d' })).toThrow('ERR_LIMIT_INEXACT')

    const bucket = refusal(() => tokenBucket({ name: 'a', limit: 999_983, window: '1d' }))
    expect(bucket.code).toBe('ERR_LIMIT_INEXACT')
    const smaller = Number(/use (\d+) instead/.exec(bucket.message)?.[1])
    expect(smaller).toBeGreaterThan(999_000)
    expect(tokenBucket({ name: 'a', limit: smaller, window: '1d' }).limit.limit).toBe(smaller)
    expect(() => tokenBucket({ name: 'a', limit: 1_000_000, window: '1d' })).not.toThrow()
  })

  it('trap: without a change of the caller’s options', () => {
    const options = Object.freeze({ ...good, key: ip() })
    const { limit, key } = slidingWindow(options)
    expect(limit).toEqual({ algorithm: 'slidingWindow', name: 'a', limit: 10, window: 60_000 })
    expect(key).toBe(options.key)
    expect(Object.isFrozen(limit)).toBe(true)
    expect(structuredClone(limit)).toEqual(limit)
  })
})
