import { describe, expect, test } from 'vitest'
import { fixedWindow, OverrideRateLimit, RateLimit } from '../src/index.ts'

const short = fixedWindow({ name: 'short', limit: 20, window: '1m' })

describe('a wrong argument is refused when the class is defined', () => {
  test.each<[string, () => unknown, string, string]>([
    ['a quantity', () => RateLimit({ limit: -1, window: '1m' }), 'ERR_OPTION_INVALID', 'got -1'],
    ['a window', () => RateLimit({ limit: 1, window: '1 m' as '1m' }), 'ERR_OPTION_INVALID', '"1 m"'],
    ["a peer's option", () => RateLimit({ limit: 1, ttl: 60_000 } as object), 'ERR_OPTION_UNKNOWN', 'use window'],
    ['limits beside limit', () => RateLimit({ limit: 1, limits: [short] }), 'ERR_OPTION_CONFLICT', 'got both'],
    ['a key without a limit', () => RateLimit({ key: () => 'all' }), 'ERR_OPTION_CONFLICT', 'got none'],
    ['Pj: a label without a limit', () => RateLimit({ label: 'one' }), 'ERR_OPTION_CONFLICT', 'label: expected limit or window beside it'],
    [
      'Pj: a label beside limits',
      () => RateLimit({ label: 'one', limits: [short] }),
      'ERR_OPTION_CONFLICT',
      'give each limit of a list its own',
    ],
    ['Pj: a label', () => RateLimit({ label: 'größe', limit: 1 }), 'ERR_OPTION_INVALID', 'label: expected 1 to 64'],
    ['Pj: a label of an override', () => OverrideRateLimit({ short: { label: '' } }), 'ERR_OPTION_INVALID', 'limit "short": label'],
    ['a list that holds no limits', () => RateLimit({ limits: [{} as never] }), 'ERR_OPTION_INVALID', 'limits[0]'],
    ['nothing', () => RateLimit(undefined as never), 'ERR_OPTION_INVALID', '@RateLimit'],
    [
      'an override in @RateLimit',
      () => RateLimit({ short: { limit: 1 } } as object),
      'ERR_OPTION_UNKNOWN',
      'to override limit "short" use @OverrideRateLimit',
    ],
    [
      'an override beside options',
      () => RateLimit({ limit: 1, short: { limit: 1 } } as object),
      'ERR_OPTION_UNKNOWN',
      'to override limit "short" use @OverrideRateLimit',
    ],
    [
      'a limit in @OverrideRateLimit',
      () => OverrideRateLimit({ limit: 5, window: '1m' } as object),
      'ERR_OPTION_INVALID',
      'limit: expected an object with limit and window (to add a limit use @RateLimit), got 5',
    ],
    ['a policy in @OverrideRateLimit', () => OverrideRateLimit('login' as never), 'ERR_OPTION_INVALID', 'got the string "login"'],
    ['no override', () => OverrideRateLimit({}), 'ERR_OPTION_INVALID', 'an object of limits by name'],
    ['a number of an override', () => OverrideRateLimit({ short: { limit: -1 } }), 'ERR_OPTION_INVALID', 'limit "short": limit'],
    [
      "a peer's option of an override",
      () => OverrideRateLimit({ short: { limit: 1, ttl: 1 } as object }),
      'ERR_OPTION_UNKNOWN',
      'use window',
    ],
    [
      'an unknown option of @OverrideRateLimit',
      () => OverrideRateLimit({ short: {} }, { nam: 'v2' } as object),
      'ERR_OPTION_UNKNOWN',
      '"nam"',
    ],
  ])('%s', (_what, decorate, code, message) => {
    expect(decorate).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) as string }))
  })
})
