import { fakeClock } from '@sluice/testing'
import { describe, expect, test } from 'vitest'
import { diffDocuments, documentPolicies, Evaluator, parseDocument, type TestRequest } from '../src/index.ts'
import { head, limit, parsed, problemsOf, withPolicy } from './documents.ts'

const NOW = Date.parse('2026-11-30T12:00:00Z')
const acme: TestRequest = { path: '/', ip: '203.0.113.7', attributes: { client: 'acme' } }

/** A document with one limit, of these fields. */
const withFields = (fields: string): string => withPolicy('', `limits: [{ name: some, limit: 1, subject: client, ${fields} }]`)
const problems = (text: string): readonly string[] => problemsOf(text).map(({ path, message }) => `${path}: ${message}`)
const AT = 'policies[0].rules[0].limits[0]'

/** When the second of two requests would be admitted. */
function renewal(fields: string, now = NOW): string | undefined {
  const evaluator = new Evaluator(parsed(withFields(fields)))
  expect(evaluator.decide(acme, now).isAdmitted).toBe(true)
  const { retryAfter } = evaluator.decide(acme, now)
  return retryAfter === undefined ? undefined : new Date(now + retryAfter * 1_000).toISOString().replace('.000Z', 'Z')
}

describe('windows of the calendar', () => {
  test.each([
    ['algorithm: fixedWindow, window: quarter', '2027-01-01T00:00:00Z'],
    ['algorithm: fixedWindow, window: year', '2027-01-01T00:00:00Z'],
    ['algorithm: fixedWindow, window: year, timeZone: Europe/Berlin', '2026-12-31T23:00:00Z'],
    ['algorithm: fixedWindow, window: day, anchor: { hour: 18, minute: 30 }', '2026-11-30T18:30:00Z'],
    ['algorithm: fixedWindow, window: week, anchor: { weekday: sun }', '2026-12-06T00:00:00Z'],
    ['algorithm: fixedWindow, window: week, anchor: { weekday: tue, hour: 6 }', '2026-12-01T06:00:00Z'],
    ['algorithm: fixedWindow, window: month, anchor: { day: 15 }', '2026-12-15T00:00:00Z'],
    ['algorithm: fixedWindow, window: month, anchor: { day: 31 }', '2026-12-31T00:00:00Z'],
    ['algorithm: fixedWindow, window: quarter, anchor: { month: 2, day: 10 }', '2027-02-10T00:00:00Z'],
    ['algorithm: fixedWindow, window: year, anchor: { month: 4, day: 6 }, timeZone: Europe/London', '2027-04-05T23:00:00Z'],
    ['algorithm: fixedWindow, window: 1h, anchor: first', '2026-11-30T13:17:00Z', '2026-11-30T12:17:00Z'],
    ['algorithm: fixedWindow, window: 1h, anchor: epoch', '2026-11-30T13:00:00Z', '2026-11-30T12:17:00Z'],
  ])('%s begins anew at %s', (fields, end, now?: string) => {
    expect(renewal(fields, now === undefined ? NOW : Date.parse(now))).toBe(end)
  })

  test.each([
    ['window: month, anchor: { weekday: sun }', `${AT}.anchor: a 'month' cannot begin at a weekday; expected some of day, hour, minute`],
    ['window: year, anchor: { month: 2, day: 30 }', `${AT}.anchor.day: expected at most 29, the last day of month 2, got 30`],
    ['window: month, anchor: first', `${AT}: a calendar window is aligned to the calendar; remove anchor: 'first'`],
    ['window: 1h, anchor: { hour: 6 }', `${AT}: an anchor with a date or a time needs a calendar window`],
    ['window: month, anchor: { day: 32 }', `${AT}.anchor.day: expected 31 or less, got 32`],
    ['window: week, anchor: { weekday: sunday }', `${AT}.anchor.weekday: expected mon`],
    ['window: month, anchor: last', `${AT}.anchor: expected`],
    ['window: month, anchor: []', `${AT}.anchor: expected`],
    ['window: decade', `${AT}.window: expected`],
  ])('%s is refused', (fields, message) => {
    expect(problems(withFields(`algorithm: fixedWindow, ${fields}`))).toEqual([expect.stringContaining(message)])
  })

  // A limit with a zone was not checked further.
  test('regression: the cost of a limit with a time zone is checked', () => {
    const fields = 'algorithm: fixedWindow, window: month, timeZone: UTC, cost: { header: n, default: 9, max: 3 }'
    expect(problems(withFields(fields))).toEqual([`${AT}.cost.default: expected at most max (3), got 9`])
  })

  test('limits of one name begin alike', () => {
    const month = (anchor: string): string =>
      `{ name: month, algorithm: fixedWindow, limit: 3, window: month, subject: client, shared: true, anchor: ${anchor} }`
    const two = (first: string, second: string): string =>
      `${head()}policies:\n  - name: api\n    rules:\n      - { name: a, match: { paths: [/a] }, limits: [${month(first)}] }\n      - { name: b, limits: [${month(second)}] }\n`
    expect(problems(two('{ day: 3, hour: 6 }', '{ hour: 6, day: 3 }'))).toEqual([])
    expect(problems(two('{ day: 3 }', '{ day: 3, hour: 0 }'))).toEqual([])
    expect(problems(two('{ day: 3 }', '{ day: 4 }'))).toEqual([expect.stringContaining('expected the same anchor as in rule "a"')])
  })

  test('another beginning is another counter, and a change says so', () => {
    const [before, after] = [3, 4].map((day) => parsed(withFields(`algorithm: fixedWindow, window: month, anchor: { day: ${day} }`)))
    expect(before && after && diffDocuments(before, after).map(({ effect, message }) => `${effect}: ${message}`)).toContain(
      'anew: api.some starts to count anew: its window was month in UTC from day 3 and is month in UTC from day 4',
    )
  })
})

describe('delay', () => {
  const delayed = (algorithm: string): string =>
    withPolicy(
      '',
      `limits: [{ name: some, algorithm: ${algorithm}, limit: 4, window: 1m, subject: client, delay: { after: 1, step: 500ms, max: 800ms } }]`,
    )

  test.each(['fixedWindow', 'slidingWindow', 'slidingLog'])('%s: requests above it wait, each one longer', async (algorithm) => {
    const policies = documentPolicies(parsed(delayed(algorithm)), { clock: fakeClock() })
    const delays: (number | string)[] = []
    for (let i = 0; i < 5; i++) {
      const { allowed, delay } = await policies.check(acme)
      delays.push(allowed ? delay : 'refused')
    }
    expect(delays).toEqual([0, 500, 800, 800, 'refused'])
  })

  test.each([
    ['algorithm: tokenBucket, window: 1m, delay: { after: 1, step: 1s }', 'expected no field "delay" here'],
    ['algorithm: fixedWindow, window: 1m, delay: { after: 1 }', `${AT}.delay.step: is missing`],
    ['algorithm: fixedWindow, window: 1m, delay: { after: -1, step: 1s }', `${AT}.delay.after: expected 0 or more, got -1`],
    ['algorithm: fixedWindow, window: 1m, delay: { after: 1, step: 400d }', `${AT}.delay.step: expected whole milliseconds`],
    ['algorithm: fixedWindow, window: 1m, delay: { after: 1, step: 1s, most: 2s }', 'expected no field "most" here'],
  ])('%s is refused', (fields, message) => {
    expect(problems(withFields(fields))).toEqual([expect.stringContaining(message)])
  })
})

describe('maxLog', () => {
  const log = (fields: string): string => withFields(`algorithm: slidingLog, window: 1m, ${fields}`).replace('limit: 1,', 'limit: 1500,')
  test('lets a log be longer', () => {
    expect(problems(log('maxLog: 1500'))).toEqual([])
    expect(problems(log('visible: true'))).toEqual([expect.stringContaining('expected at most 1000')])
    expect(problems(log('maxLog: 2001'))).toContainEqual(expect.stringContaining('expected 2000 or less, got 2001'))
  })

  test('an override stays below it', () => {
    const text = log('maxLog: 1500').trimEnd()
    const raised = (units: number): string =>
      `${text}\n    overrides: [{ subject: client, is: a, limits: { some: { limit: ${units} } } }]\n`
    expect(problems(raised(1_500))).toEqual([])
    expect(problems(raised(1_501))).toEqual([expect.stringContaining('policies[0].overrides[0].limits.some')])
  })
})

describe('label', () => {
  test('is what clients see, and no part of the counter', async () => {
    const text = withPolicy('', `limits: [${limit("label: '3 in 1 min'")}]`)
    const policies = documentPolicies(parsed(text), { clock: fakeClock() })
    const { charges } = await policies.check(acme)
    expect(charges[0]?.limit).toMatchObject({ name: 'api.minute', label: '3 in 1 min' })
    policies.use(parsed(text.replace('3 in 1 min', 'a minute').replace('revision: 7', 'revision: 8')))
    const decision = await policies.check(acme)
    expect(decision.charges[0]?.limit.label).toBe('a minute')
    expect(decision.remaining).toBe(1)
  })

  test.each([
    ['over 64 characters', `'${'x'.repeat(65)}'`],
    ['only spaces', "'   '"],
    ['other characters', 'Größe'],
    ['nothing', "''"],
  ])('%s is refused', (_, label) => {
    expect(problems(withPolicy('', `limits: [${limit(`label: ${label}`)}]`))).toEqual([
      expect.stringContaining(`${AT}.label: expected at most 64 characters of printable ASCII`),
    ])
  })

  const hour = limit().replace('minute', 'hour').replace('window: 1m', 'window: 1h')
  const labelled = (one: string, label: string): string => one.replace('subject: client', `subject: client, label: ${label}`)
  const other = (list: string): string => `  - name: other\n    rules: [{ name: all, limits: [${list}] }]\n`
  test.each([
    ['the label of its list', withPolicy('', `limits: [${labelled(limit(), 'A')}, ${labelled(hour, 'a')}]`)],
    ['the name of its list', withPolicy('', `limits: [${limit()}, ${labelled(hour, 'API.minute')}]`)],
    ['the shown name of its list', withPolicy('', `limits: [${limit()}, ${labelled(hour, 'shop.api.minute')}]`)],
    ['the label of another policy', `${withPolicy('', `limits: [${labelled(limit(), 'a')}]`)}${other(labelled(limit(), 'a'))}`],
    ['the name of another policy', `${withPolicy('', `limits: [${labelled(limit(), 'other.minute')}]`)}${other(limit())}`],
  ])('%s is refused', (_, text) => {
    expect(problems(text)).toContainEqual(expect.stringContaining('expected a text that no other limit of a request shows'))
  })

  test.each([
    ['in two tiers', withPolicy('', `tiers: { free: [${labelled(limit(), 'a')}], pro: [${labelled(hour, 'a')}] }`)],
    ['of one limit', withPolicy('', `limits: [${labelled(limit(), 'api.minute')}]`)],
  ])('one text %s is valid', (_, text) => {
    expect(problems(text)).toEqual([])
  })
})

test('a problem names the field, and its line', () => {
  const text = withFields('algorithm: fixedWindow, window: 367d')
  expect(() => parseDocument(text)).toThrow(
    /line \d+, column \d+: policies\[0\]\.rules\[0\]\.limits\[0\]\.window: expected whole milliseconds/,
  )
})
