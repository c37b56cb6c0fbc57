import { regions, type RegionsOptions } from '@sluice/regions'
import { expect, test } from 'vitest'

const transport = { publish: () => Promise.resolve(), subscribe: () => Promise.resolve(() => Promise.resolve()) }
const options: RegionsOptions = { self: 'us', all: ['eu', 'us', 'ap'], transport }

test('the defaults', () => {
  const { policy, attach, exchangeOf, ...rest } = regions(options)
  expect([attach, exchangeOf].map((each) => typeof each)).toEqual(['function', 'function'])
  expect(rest).toEqual({
    self: 'us',
    all: ['eu', 'us', 'ap'],
    index: 1,
    hasStrict: false,
    transport,
    modes: ['eventual'],
    interval: 1_000,
    urgent: 0.01,
    minimum: 0.1,
    keep: 60_000,
    silence: 10_000,
    whenSilent: 'whole',
    shares: undefined,
  })
  expect(policy('any')).toEqual({ mode: 'eventual', slack: 0, floor: 0 })
})

test('each policy has its mode', () => {
  const { policy } = regions({
    ...options,
    mode: 'local',
    policies: { billing: { mode: 'strict', slack: 0.1, floor: 0.2 }, login: 'eventual', other: {} },
  })
  expect(policy('billing')).toEqual({ mode: 'strict', slack: 0.1, floor: 0.2 })
  expect(policy('login').mode).toBe('eventual')
  expect(policy('other').mode).toBe('local')
  expect(policy('any').mode).toBe('local')
})

test('with many regions the least that is published is less', () => {
  expect(regions({ ...options, all: ['us', ...Array.from({ length: 9 }, (_, i) => `r${i}`)] }).minimum).toBe(0.05)
})

test('shares are a table of all regions', () => {
  const from = '2026-12-01T00:00:00Z'
  expect(regions({ ...options, shares: { version: 2, from, of: { eu: 0.5, us: 0.5 } } }).shares).toEqual({
    version: 2,
    from: Date.parse(from),
    of: { eu: 0.5, us: 0.5, ap: 0 },
  })
})

test.each([
  ['self', { self: 'mars' }, /regions: self: expected one of eu, us, ap, got the string "mars"/],
  ['one region', { self: 'us', all: ['us'] }, /regions: all: expected 2 to 64 different names/],
  ['a region twice', { all: ['us', 'us'] }, /regions: all/],
  ['a name with a space', { all: ['us', 'a b'] }, /regions: all/],
  ['transport', { transport: {} as never }, /regions: transport: expected a transport with publish and subscribe/],
  ['mode', { mode: 'loose' as never }, /regions: mode: expected 'eventual', 'strict' or 'local'/],
  ['mode of a policy', { policies: { api: 'loose' as never } }, /regions: policies\["api"\]/],
  ['slack', { policies: { api: { slack: 2 } } }, /regions: policies\["api"\].slack: expected a number from 0 to 1, got 2/],
  ['interval', { interval: 1 }, /regions: interval: expected a number from 50 to 60000, got 1/],
  ['urgent', { urgent: 0 }, /regions: urgent: expected a number from above 0 to 1, got 0/],
  ['minimum', { minimum: 0.2 }, /regions: minimum/],
  ['keep', { keep: 5_000 }, /regions: keep: expected a number from 10000/],
  ['silence', { silence: 10 }, /regions: silence/],
  ['whenSilent', { whenSilent: 'half' as never }, /regions: whenSilent: expected 'whole' or 'share'/],
  ['version of shares', { shares: { version: 0, from: '2026-12-01', of: {} } }, /regions: shares.version/],
  ['time of shares', { shares: { version: 1, from: 'soon', of: {} } }, /regions: shares.from: expected a time/],
  [
    'sum of shares',
    { shares: { version: 1, from: '2026-12-01', of: { eu: 0.6, us: 0.6 } } },
    /expected shares whose sum is at most 1, got 1.2/,
  ],
  [
    'share of another',
    { shares: { version: 1, from: '2026-12-01', of: { mars: 0.6 } } },
    /regions: shares.of: expected shares of eu, us, ap/,
  ],
])('refused: %s', (_, wrong, message) => {
  expect(() => regions({ ...options, ...wrong })).toThrow(message)
})

test('an unknown option is refused', () => {
  expect(() => regions({ ...options, intervall: 5 } as never)).toThrow(/"intervall" is not an option; use interval/)
})
