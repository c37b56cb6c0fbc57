import { describe, expect, test } from 'vitest'
import { type ClientRow, type ClientSettings, settingsReader } from '../src/index.ts'

const COLUMNS = { rps_limit: 'api.second', rpm_limit: 'api.minute' }
const settingsOf = (row: Readonly<Record<string, unknown>>, columns: Readonly<Record<string, string>> = COLUMNS): ClientSettings =>
  settingsReader(columns)({ client_id: 'acme', ...row })

describe('columns', () => {
  test('a number sets the limit that the document names', () => {
    expect(settingsOf({ rps_limit: 5, rpm_limit: 300 }).limits).toEqual({ 'api.second': { limit: 5 }, 'api.minute': { limit: 300 } })
  })

  test('null, an empty text and a column that is not there keep the number of the tier; 0 refuses', () => {
    expect(settingsOf({ rps_limit: null, rpm_limit: 0 }).limits).toEqual({ 'api.minute': { limit: 0 } })
    expect(settingsOf({ rps_limit: '' }).limits).toEqual({})
  })

  test('a column that the document does not name sets nothing', () => {
    expect(settingsOf({ rps_limit: 5, seats: 3 }, {})).toEqual({ tier: undefined, limits: {}, problems: [] })
  })

  test.each([
    ['a text', '5'],
    ['a text with a fraction', '5.00'],
    ['a bigint', 5n],
  ])('drivers give a number as %s too', (_, value) => {
    expect(settingsOf({ rps_limit: value }).limits).toEqual({ 'api.second': { limit: 5 } })
  })

  test.each([-1, 1.5, Number.NaN, Infinity, '1e3', '-1', '0x10', 'many', '9007199254740992', true, [5], { limit: 5 }, new Date(0)])(
    '%j is ignored, and said',
    (value) => {
      const { limits, problems } = settingsOf({ rps_limit: value, rpm_limit: 60 })
      expect(limits).toEqual({ 'api.minute': { limit: 60 } })
      expect(problems).toHaveLength(1)
      expect(problems[0]).toMatch(/^rps_limit: expected a whole number, 0 or more, got /)
    },
  )
})

describe('limits of a row', () => {
  test.each([
    ['an object', { 'api.minute': 5, 'login.address': { limit: 3, burst: 6 } }],
    ['JSON', '{"api.minute":5,"login.address":{"limit":3,"burst":6}}'],
  ])('as %s', (_, limits) => {
    expect(settingsOf({ limits }).limits).toEqual({ 'api.minute': { limit: 5 }, 'login.address': { limit: 3, burst: 6 } })
  })

  test('are more exact than a column', () => {
    expect(settingsOf({ rpm_limit: 300, limits: { 'api.minute': 500 } }).limits).toEqual({ 'api.minute': { limit: 500 } })
    expect(settingsOf({ rpm_limit: 300, limits: { 'api.minute': null } }).limits).toEqual({ 'api.minute': { limit: 300 } })
  })

  test.each([
    ['no JSON', '{', 'limits: expected an object'],
    ['a list', [5], 'limits: expected an object'],
    ['a limit without its policy', { minute: 5 }, 'limits["minute"]: expected a limit as <policy>.<limit>'],
    ['another field', { 'api.minute': { limit: 5, window: '1s' } }, 'limits["api.minute"]: expected a number or { limit, burst }'],
    ['a burst of 0', { 'api.minute': { limit: 5, burst: 0 } }, 'limits["api.minute"].burst: expected a whole number, 1 or more, got 0'],
    ['a name of every object', JSON.parse('{"__proto__":{"limit":0}}') as object, 'limits["__proto__"]: expected a limit as'],
  ])('%s is ignored, and said', (_, limits, message) => {
    const settings = settingsOf({ limits, rps_limit: 5 })
    expect(settings.limits['api.second']).toEqual({ limit: 5 })
    expect(settings.problems[0]).toContain(message)
    expect(settings.limits['toString']).toBeUndefined()
  })

  test('at most 10 problems are said', () => {
    expect(settingsOf({ limits: Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`x${i}`, 1])) }).problems).toHaveLength(10)
  })
})

test.each([
  ['pro', 'pro'],
  ['', undefined],
  [null, undefined],
  [undefined, undefined],
  [5, undefined],
])('the tier %j is %j', (tier, expected) => {
  expect(settingsOf({ tier }).tier).toBe(expected)
})

test('the settings of a row are made once for each document', () => {
  const row: ClientRow = { client_id: 'acme', rps_limit: 5 }
  const now = settingsReader(COLUMNS)
  expect(now(row)).toBe(now(row))
  expect(settingsReader({ rps_limit: 'api.minute' })(row).limits).toEqual({ 'api.minute': { limit: 5 } })
})
