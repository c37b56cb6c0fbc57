import { describe, expect, it } from 'vitest'
import type { Decision } from '../../../src/decision.ts'
import { isSluiceError } from '../../../src/errors.ts'
import { checkDialect, itemsOf } from '../../../src/http/headers/headers.ts'
import { amendLimit } from '../../../src/amend-limit.ts'
import { fixedWindow, slidingWindow, tokenBucket } from '../../../src/limits.ts'
import { bucket, day, decision, entry, lines, minute, NOW, plain, render, slots } from './fixtures.ts'

const allowed = decision([
  [minute, { remaining: 57, nextAfter: 400 }],
  [day, { remaining: 4_279, nextAfter: 1_000, resetAfter: 73_941_600 }],
])
const refused = decision([
  [minute, { allowed: false, remaining: 0, retryAfter: 16_100, nextAfter: 16_100 }],
  [day, { remaining: 4_279, nextAfter: 1_000, resetAfter: 73_941_600 }],
])
const closed = decision([
  [minute, { allowed: false, remaining: 0, retryAfter: 1_000, source: 'closed' }],
  [day, undefined],
])
const open = decision([
  [minute, { source: 'open', remaining: 100 }],
  [day, { source: 'open', remaining: 5_000 }],
])
const POLICY = 'RateLimit-Policy: "minute";q=100;w=60, "day";q=5000;w=86400'

describe('the default set, column by column', () => {
  it.each<[string, Decision, readonly string[]]>([
    [
      'allowed',
      allowed,
      [
        POLICY,
        'RateLimit: "minute";r=57;t=35, "day";r=4279;t=73942',
        'X-RateLimit-Limit: 100',
        'X-RateLimit-Remaining: 57',
        'X-RateLimit-Reset: 1795301629',
      ],
    ],
    [
      'refused, 429',
      refused,
      [
        POLICY,
        'RateLimit: "minute";r=0;t=17, "day";r=4279;t=73942',
        'X-RateLimit-Limit: 100',
        'X-RateLimit-Remaining: 0',
        'X-RateLimit-Reset: 1795301586',
        'Retry-After: 17',
        'Cache-Control: no-store',
      ],
    ],
    ['store away and closed, 503', closed, [POLICY, 'Retry-After: 1', 'Cache-Control: no-store']],
    ['store away and open', open, [POLICY]],
    ['shadow', decision([[minute, { allowed: false, remaining: 0, retryAfter: 900 }]], { allowed: true, mode: 'shadow' }), []],
    ['off', decision([[minute, undefined]], { mode: 'off' }), []],
    ['no limits', decision([]), []],
  ])('%s', (_, given, expected) => {
    expect(lines([given])).toEqual(expected)
  })

  it('writes nothing for a request that no limiter looked at', () => {
    expect(lines([])).toEqual([])
  })
})

describe('the dialects', () => {
  const structured = [POLICY, 'RateLimit: "minute";r=0;t=17, "day";r=4279;t=73942']
  const epoch = ['X-RateLimit-Limit: 100', 'X-RateLimit-Remaining: 0', 'X-RateLimit-Reset: 1795301586']
  const delta = ['X-RateLimit-Limit: 100', 'X-RateLimit-Remaining: 0', 'X-RateLimit-Reset: 17']
  const refusal = ['Retry-After: 17', 'Cache-Control: no-store']
  const draft7 = ['RateLimit-Policy: 100;w=60, 5000;w=86400', 'RateLimit: limit=100, remaining=0, reset=17']
  const draft6 = ['RateLimit-Policy: 100;w=60, 5000;w=86400', 'RateLimit-Limit: 100', 'RateLimit-Remaining: 0', 'RateLimit-Reset: 17']

  it.each([
    [{}, [...structured, ...epoch]],
    [{ standard: true }, [...structured, ...epoch]],
    [{ standard: 'draft-11' }, [...structured, ...epoch]],
    [{ standard: 'draft-10' }, [...structured, ...epoch]],
    [{ standard: 'draft-9' }, [...structured, ...epoch]],
    [{ standard: 'draft-8' }, [...structured, ...epoch]],
    [{ standard: 'draft-7' }, [...draft7, ...epoch]],
    [{ standard: 'draft-6' }, [...draft6, ...epoch]],
    [{ standard: false }, epoch],
    [{ legacy: 'epoch' }, [...structured, ...epoch]],
    [{ legacy: 'delta' }, [...structured, ...delta]],
    [{ legacy: false }, structured],
    [{ standard: 'draft-7', legacy: false }, draft7],
    [{ standard: 'draft-6', legacy: 'delta' }, [...draft6, ...delta]],
    [{ standard: false, legacy: false }, []],
  ] as const)('%j', (options, expected) => {
    expect(lines([refused], options)).toEqual([...expected, ...refusal])
  })

  it.each([
    ['draft-7', ['RateLimit-Policy: 100;w=60, 5000;w=86400', 'RateLimit: limit=100, remaining=57, reset=60']],
    ['draft-6', ['RateLimit-Policy: 100;w=60, 5000;w=86400', 'RateLimit-Limit: 100', 'RateLimit-Remaining: 57', 'RateLimit-Reset: 60']],
  ] as const)('%s shows the binding limit of an allowed request', (standard, expected) => {
    expect(lines([allowed], { standard, legacy: false })).toEqual(expected)
  })

  it.each(['draft-7', 'draft-6'] as const)('%s when the store is away: policies alone', (standard) => {
    expect(lines([closed], { standard })).toEqual(['RateLimit-Policy: 100;w=60, 5000;w=86400', 'Retry-After: 1', 'Cache-Control: no-store'])
    expect(lines([open], { standard })).toEqual(['RateLimit-Policy: 100;w=60, 5000;w=86400'])
  })

  it.each([
    [
      'standard',
      'draft-5',
      "'draft-11', 'draft-10', 'draft-9', 'draft-8', 'draft-7', 'draft-6', true or false, got the string \"draft-5\"",
    ],
    ['standard', 11, 'got 11'],
    ['standard', null, 'got null'],
    ['legacy', true, "rateLimit: legacy: expected 'epoch', 'delta' or false, got true"],
    ['legacy', 'Epoch', 'got the string "Epoch"'],
    ['exposeHeaders', 'yes', 'rateLimit: exposeHeaders: expected true or false, got the string "yes"'],
  ])('refuses %s: %j', (name, value, message) => {
    let thrown: unknown
    try {
      checkDialect({ [name]: value })
    } catch (error) {
      thrown = error
    }
    expect(isSluiceError(thrown) && thrown.code).toBe('ERR_OPTION_INVALID')
    expect(String(thrown)).toContain(message)
  })
})

describe('names', () => {
  const api = { policy: 'api' }
  it.each<[string, Decision, boolean, readonly string[]]>([
    ['a limit of the default policy', decision([[minute, {}]]), false, ['minute']],
    [
      'limits of a named policy',
      decision(
        [
          [minute, {}],
          [day, {}],
        ],
        api,
      ),
      false,
      ['api.minute', 'api.day'],
    ],
    ['the shorthand of the default policy', decision([[plain, {}]]), true, ['default']],
    ['the shorthand of a named policy', decision([[plain, {}]], api), true, ['api']],
    ['a limit that is called default', decision([[plain, {}]], api), false, ['api.default']],
  ])('%s', (_, given, shorthand, names) => {
    expect(itemsOf(given, shorthand).names).toEqual(names)
    expect(lines([entry(given, shorthand)])[0]).toContain(`"${names[0]}";q=`)
  })

  it('renders the policies once per set of limits', () => {
    expect(itemsOf(allowed, false)).toBe(itemsOf(refused, false))
    expect(itemsOf(allowed, false)).not.toBe(
      itemsOf(
        decision(
          [
            [minute, {}],
            [day, {}],
          ],
          api,
        ),
        false,
      ),
    )
    expect(itemsOf(decision([[plain, {}]]), true)).not.toBe(itemsOf(decision([[plain, {}]]), false))
  })

  it('keeps few sets for one limit beside others that are made per request', () => {
    const first = itemsOf(allowed, false)
    for (let limit = 1; limit <= 20; limit++) {
      const given = decision([
        [minute, {}],
        [amendLimit({ limit: plain }, { limit, window: 10_000 }).limit, {}],
      ])
      expect(itemsOf(given, false).policies).toEqual(['RateLimit-Policy', `"minute";q=100;w=60, "default";q=${limit};w=10`])
    }
    expect(itemsOf(allowed, false)).not.toBe(first)
    expect(itemsOf(allowed, false).policies).toEqual(first.policies)
  })
})

describe('rounding', () => {
  it.each([
    ['a window under a second is a second', slidingWindow({ name: 'a', limit: 5, window: '250ms' }).limit, '"a";q=5;w=1'],
    ['a fraction of a second counts as one', slidingWindow({ name: 'a', limit: 5, window: 60_001 }).limit, '"a";q=5;w=61'],
    ['a bucket: its burst, and the time to fill', bucket, '"bucket";q=25;w=3'],
    ['a calendar day', fixedWindow({ name: 'a', limit: 5, window: 'day' }).limit, '"a";q=5;w=86400'],
    ['a calendar week', fixedWindow({ name: 'a', limit: 5, window: 'week' }).limit, '"a";q=5;w=604800'],
    ['a calendar month', fixedWindow({ name: 'a', limit: 5, window: 'month' }).limit, '"a";q=5;w=2678400'],
    ['at most 15 digits', fixedWindow({ name: 'a', limit: 2 ** 53 - 1, window: 'day' }).limit, '"a";q=999999999999999;w=86400'],
    ['concurrency has no window', slots, '"slots";q=4;qu="concurrent-requests"'],
  ])('%s', (_, limit, expected) => {
    expect(lines([decision([[limit, {}]])])[0]).toBe(`RateLimit-Policy: ${expected}`)
  })

  it.each([
    [
      'refused with nothing left: when this cost is admitted',
      { allowed: false, remaining: 0, retryAfter: 16_100, nextAfter: 100 },
      'r=0;t=17',
    ],
    ['admitted with nothing left: when there is one again', { remaining: 0, retryAfter: 0, nextAfter: 599 }, 'r=0;t=1'],
    ['nothing left and no wait: still a second', { remaining: 0, nextAfter: 0 }, 'r=0;t=1'],
    ['refused with some left: spread over the window', { allowed: false, remaining: 2, retryAfter: 16_100, nextAfter: 100 }, 'r=2;t=2'],
    ['the next unit is later than that', { remaining: 1, nextAfter: 30_001 }, 'r=1;t=31'],
    ['full: the whole window', { remaining: 100, nextAfter: 0 }, 'r=100;t=60'],
    ['a fraction left is not there', { remaining: 0.9, nextAfter: 5_000 }, 'r=0;t=5'],
    ['less than nothing left', { remaining: -3, nextAfter: 5_000 }, 'r=0;t=5'],
    ['never admitted: no time', { allowed: false, remaining: 0, retryAfter: Infinity }, 'r=0'],
    ['a month is not cut', { remaining: 0, nextAfter: 2_678_400_000 }, 'r=0;t=2678400'],
  ])('%s', (_, given, expected) => {
    expect(lines([decision([[minute, given]])], { legacy: false })[1]).toBe(`RateLimit: "minute";${expected}`)
  })

  it('F10: a fixed window has its end in t and in the reset, whatever is left', () => {
    const { limit } = fixedWindow({ name: 'a', limit: 100, window: 'month' })
    for (const remaining of [99, 1, 0]) {
      const given = decision([[limit, { remaining, nextAfter: 2_678_390_000, resetAfter: 2_678_390_000 }]])
      expect([...lines([given]).slice(1, 2), ...lines([given]).slice(-1)]).toEqual([
        `RateLimit: "a";r=${remaining};t=2678390`,
        `X-RateLimit-Reset: ${1_795_301_569 + 2_678_390}`,
      ])
    }
    const full = decision([[limit, { remaining: 100, nextAfter: 0, resetAfter: 0 }]])
    expect(lines([full])[1]).toBe('RateLimit: "a";r=100;t=2678400')
  })

  it('newcomer 5: X-RateLimit-Reset is when the quota is full again, and does not move with what is left', () => {
    const given = decision([[minute, { remaining: 57, nextAfter: 400, resetAfter: 118_000 }]])
    expect(lines([given]).slice(1)).toEqual([
      'RateLimit: "minute";r=57;t=35',
      'X-RateLimit-Limit: 100',
      'X-RateLimit-Remaining: 57',
      `X-RateLimit-Reset: ${1_795_301_569 + 118}`,
    ])
  })

  it('Pb: a limit of 0 has no time in any field', () => {
    const none = amendLimit({ limit: minute }, { limit: 0 }).limit
    const never = { allowed: false, remaining: 0, retryAfter: Infinity, nextAfter: 0 }
    expect(lines([decision([[none, never]])], { standard: 'draft-7', legacy: false })[1]).toBe('RateLimit: limit=0, remaining=0')
    expect(lines([decision([[none, never]])], { standard: 'draft-6', legacy: false }).slice(1, -1)).toEqual([
      'RateLimit-Limit: 0',
      'RateLimit-Remaining: 0',
    ])
    // A cost of 0 is admitted.
    const asked = { ...never, allowed: true, retryAfter: 0 }
    expect(lines([decision([[none, asked]])]).slice(1)).toEqual([
      'RateLimit: "minute";r=0',
      'X-RateLimit-Limit: 0',
      'X-RateLimit-Remaining: 0',
    ])
    const bucketOfNone = tokenBucket({ name: 'minute', limit: 0, window: '1m' }).limit
    expect(lines([decision([[bucketOfNone, never]])])[0]).toBe('RateLimit-Policy: "minute";q=0;w=60')
    expect(lines([decision([[none, never]])])).toEqual([
      'RateLimit-Policy: "minute";q=0;w=60',
      'RateLimit: "minute";r=0',
      'X-RateLimit-Limit: 0',
      'X-RateLimit-Remaining: 0',
      'Cache-Control: no-store',
    ])
  })

  it('F10: the week is the cap of Retry-After alone', () => {
    const waits = { retryAfter: 2e9, nextAfter: 2e9, resetAfter: 2e9 }
    const long = decision([[fixedWindow({ name: 'a', limit: 5, window: 'month' }).limit, { allowed: false, remaining: 0, ...waits }]])
    expect(lines([long]).slice(1)).toEqual([
      'RateLimit: "a";r=0;t=2000000',
      'X-RateLimit-Limit: 5',
      'X-RateLimit-Remaining: 0',
      `X-RateLimit-Reset: ${1_795_301_569 + 2_000_000}`,
      'Retry-After: 604800',
      'Cache-Control: no-store',
    ])
  })
})

describe('concurrency', () => {
  it('has no time, but the legacy three need one', () => {
    expect(lines([decision([[slots, { remaining: 3, nextAfter: 1_200 }]])])).toEqual([
      'RateLimit-Policy: "slots";q=4;qu="concurrent-requests"',
      'RateLimit: "slots";r=3',
      'X-RateLimit-Limit: 4',
      'X-RateLimit-Remaining: 3',
      'X-RateLimit-Reset: 1795301571',
    ])
  })

  it('refused: its hint', () => {
    expect(
      lines([decision([[slots, { allowed: false, remaining: 0, retryAfter: 1_000, nextAfter: 1_000 }]])], { legacy: 'delta' }),
    ).toEqual([
      'RateLimit-Policy: "slots";q=4;qu="concurrent-requests"',
      'RateLimit: "slots";r=0',
      'X-RateLimit-Limit: 4',
      'X-RateLimit-Remaining: 0',
      'X-RateLimit-Reset: 1',
      'Retry-After: 1',
      'Cache-Control: no-store',
    ])
  })

  it.each(['draft-7', 'draft-6'] as const)('%s cannot name it: a policy there must have a window', (standard) => {
    const both = decision([
      [slots, { remaining: 3 }],
      [minute, { remaining: 1 }],
    ])
    expect(lines([both], { standard, legacy: false })[0]).toBe('RateLimit-Policy: 100;w=60')
    const alone = decision([[slots, { remaining: 3 }]])
    expect(lines([alone], { standard, legacy: false }).some((line) => line.startsWith('RateLimit-Policy'))).toBe(false)
  })
})

describe('refused', () => {
  it('for ever: no Retry-After, even when another limit names a wait', () => {
    const never = decision([
      [minute, { allowed: false, remaining: 8, retryAfter: Infinity }],
      [day, { allowed: false, remaining: 0, retryAfter: 5_000, resetAfter: 5_000 }],
    ])
    expect(lines([never]).slice(1)).toEqual([
      'RateLimit: "minute";r=8;t=5, "day";r=0;t=5',
      'X-RateLimit-Limit: 100',
      'X-RateLimit-Remaining: 0',
      'Cache-Control: no-store',
    ])
  })

  it('by several: the longest wait, whichever comes first', () => {
    const parts = [
      [minute, { allowed: false, remaining: 0, retryAfter: 5_000 }],
      [day, { allowed: false, remaining: 0, retryAfter: 9_001 }],
    ] as const
    for (const given of [decision(parts), decision(parts.toReversed())]) {
      expect(lines([given])).toEqual(
        expect.arrayContaining(['X-RateLimit-Limit: 5000', 'X-RateLimit-Reset: 1795301579', 'Retry-After: 10']),
      )
    }
  })

  it('with units left that are too few: none, in the legacy three', () => {
    const costly = decision([[minute, { allowed: false, remaining: 2, retryAfter: 3_000, nextAfter: 600 }]])
    expect(lines([costly]).slice(1, 6)).toEqual([
      'RateLimit: "minute";r=2;t=2',
      'X-RateLimit-Limit: 100',
      'X-RateLimit-Remaining: 0',
      'X-RateLimit-Reset: 1795301572',
      'Retry-After: 3',
    ])
  })

  it('a limit that was not looked at is a policy, and nothing is known of it', () => {
    const cached = decision([
      [minute, undefined],
      [day, { allowed: false, remaining: 0, retryAfter: 17_000, resetAfter: 17_000, source: 'deny-cache' }],
    ])
    expect(lines([cached]).slice(0, 3)).toEqual([POLICY, 'RateLimit: "day";r=0;t=17', 'X-RateLimit-Limit: 5000'])
  })

  it.each([0, Number.NaN, Infinity, 250])('closed with a wait of %d: a second', (retryAfter) => {
    const given = decision([[minute, { allowed: false, source: 'closed', retryAfter }]])
    expect(lines([given])).toContain('Retry-After: 1')
  })

  it('a store that is away for one of two limits: what the other said stays', () => {
    const half = decision([
      [minute, { source: 'open', remaining: 100 }],
      [day, { remaining: 7, nextAfter: 121_000, resetAfter: 121_000 }],
    ])
    expect(lines([half]).slice(0, 3)).toEqual([POLICY, 'RateLimit: "day";r=7;t=121', 'X-RateLimit-Limit: 5000'])
  })
})

describe('several limiters on one request', () => {
  const loose = decision([[minute, { remaining: 90 }]])
  const tight = decision([[plain, { remaining: 2, nextAfter: 1_000, resetAfter: 2_000 }]], { policy: 'login' })

  it("trap: the last limiter's headers overwrite the binding one's", () => {
    for (const given of [
      [entry(tight, true), entry(loose)],
      [entry(loose), entry(tight, true)],
    ]) {
      const headers = new Map(render(given))
      expect(headers.get('X-RateLimit-Limit')).toBe('10')
      expect(headers.get('X-RateLimit-Remaining')).toBe('2')
      expect(headers.get('RateLimit')?.split(', ').toSorted()).toEqual(['"login";r=2;t=2', '"minute";r=90;t=54'])
    }
  })

  it('one line per field, the limits in the order of the limiters', () => {
    expect(lines([entry(loose), entry(tight, true)])).toEqual([
      'RateLimit-Policy: "minute";q=100;w=60, "login";q=10;w=10',
      'RateLimit: "minute";r=90;t=54, "login";r=2;t=2',
      'X-RateLimit-Limit: 10',
      'X-RateLimit-Remaining: 2',
      'X-RateLimit-Reset: 1795301571',
    ])
  })

  it('a refusal by the second keeps what the first said', () => {
    const stopped = decision([[plain, { allowed: false, remaining: 0, retryAfter: 4_000 }]], { policy: 'login' })
    expect(lines([entry(loose), entry(stopped, true)])).toEqual([
      'RateLimit-Policy: "minute";q=100;w=60, "login";q=10;w=10',
      'RateLimit: "minute";r=90;t=54, "login";r=0;t=4',
      'X-RateLimit-Limit: 10',
      'X-RateLimit-Remaining: 0',
      'X-RateLimit-Reset: 1795301573',
      'Retry-After: 4',
      'Cache-Control: no-store',
    ])
  })

  it('one that is in shadow says nothing, one that is open its policy', () => {
    const shadow = decision([[day, { allowed: false, remaining: 0, retryAfter: 9e6 }]], { allowed: true, mode: 'shadow' })
    expect(lines([shadow, loose, decision([[day, { source: 'open' }]], { policy: 'b' })]).slice(0, 2)).toEqual([
      'RateLimit-Policy: "minute";q=100;w=60, "b.day";q=5000;w=86400',
      'RateLimit: "minute";r=90;t=54',
    ])
  })

  it('of equals, the first configured binds', () => {
    const twin = slidingWindow({ name: 'twin', limit: 300, window: '1m' }).limit
    expect(
      lines([
        decision([
          [minute, {}],
          [twin, {}],
        ]),
      ]),
    ).toContain('X-RateLimit-Limit: 100')
    expect(lines([decision([[twin, {}]]), decision([[minute, {}]])])).toContain('X-RateLimit-Limit: 300')
  })

  it('one limiter mounted twice is in the headers once, with its current state', () => {
    expect(lines([decision([[minute, { remaining: 90 }]]), decision([[minute, { remaining: 89 }]])]).slice(0, 2)).toEqual([
      'RateLimit-Policy: "minute";q=100;w=60',
      'RateLimit: "minute";r=89;t=54',
    ])
  })

  it('one limiter asked about two subjects is two limits', () => {
    const other = decision([[minute, { remaining: 3 }]])
    const theirs = { ...other, charges: other.charges.map((charge) => ({ ...charge, subject: 'user:2' })) }
    expect(lines([loose, theirs])[1]).toBe('RateLimit: "minute";r=90;t=54, "minute";r=3;t=2')
  })
})

describe('traps', () => {
  it('trap: Reset in seconds on one path and epoch on another', () => {
    const paths = [allowed, refused, decision([[slots, { remaining: 0 }]])]
    for (const given of paths) {
      const epoch = Number(new Map(render([given])).get('X-RateLimit-Reset'))
      const delta = Number(new Map(render([given], { legacy: 'delta' })).get('X-RateLimit-Reset'))
      expect(epoch - Math.ceil(NOW / 1000)).toBe(delta)
      expect(delta).toBeGreaterThanOrEqual(1)
      expect(delta).toBeLessThanOrEqual(604_800)
    }
  })

  it('trap: Retry-After: 0, fractional, suffixed', () => {
    for (const retryAfter of [0, 1, 250, 999, 1_000, 1_001, 59_999.5, 604_800_001, 2_678_400_000]) {
      const names = render([decision([[minute, { allowed: false, remaining: 0, retryAfter }]])]).filter(([name]) =>
        /^retry-after/i.test(name),
      )
      expect(names).toEqual([['Retry-After', expect.stringMatching(/^[1-9]\d*$/)]])
    }
  })
})

describe('options', () => {
  const key = Uint8Array.of(1, 2, 3)

  it('exposeHeaders names what a script of another origin may read', () => {
    expect(lines([allowed], { exposeHeaders: true }).at(-1)).toBe(
      'Access-Control-Expose-Headers: RateLimit-Policy, RateLimit, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset',
    )
    expect(lines([refused], { exposeHeaders: true, standard: false, legacy: false })).toEqual([
      'Retry-After: 17',
      'Access-Control-Expose-Headers: Retry-After',
      'Cache-Control: no-store',
    ])
    expect(lines([decision([])], { exposeHeaders: true })).toEqual([])
  })

  it('a partition key goes with its limit, in both fields', () => {
    const both = decision([
      [minute, { remaining: 57 }],
      [slots, { remaining: 3 }],
    ])
    expect(lines([{ ...entry(both), partitionKeys: [key, undefined] }], { legacy: false })).toEqual([
      'RateLimit-Policy: "minute";q=100;w=60;pk=:AQID:, "slots";q=4;qu="concurrent-requests"',
      'RateLimit: "minute";r=57;t=35;pk=:AQID:, "slots";r=3',
    ])
    expect(lines([{ ...entry(both), partitionKeys: [undefined, key] }], { legacy: false })[1]).toBe(
      'RateLimit: "minute";r=57;t=35, "slots";r=3;pk=:AQID:',
    )
    expect(lines([{ ...entry(both), partitionKeys: [key, key] }], { standard: 'draft-7', legacy: false })[0]).toBe(
      'RateLimit-Policy: 100;w=60',
    )
  })
})
