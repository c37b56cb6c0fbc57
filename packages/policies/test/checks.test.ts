import { describe, expect, test } from 'vitest'
import { parseDocument, PolicyError } from '../src/index.ts'
import { checkData } from '../src/parse.ts'
import { head, limit, problemsOf, withPolicy } from './documents.ts'

function messages(text: string): readonly string[] {
  return problemsOf(text).map(({ path, message }) => `${path}: ${message}`)
}

test('the sample of these tests is valid', () => {
  expect(messages(withPolicy(''))).toEqual([])
})

describe('a problem says where', () => {
  test('by line, column and path', () => {
    const text = withPolicy('').replace('limit: 3', 'limit: -3')
    const line = text.split('\n').findIndex((each) => each.includes('limit: -3')) + 1
    expect(problemsOf(text)).toEqual([
      {
        path: 'policies[0].rules[0].limits[0].limit',
        message: 'expected 0 or more, got -3',
        line,
        column: (text.split('\n')[line - 1]?.indexOf('limit: -3') ?? 0) + 1,
      },
    ])
  })

  test('in a message that stands alone in a log', () => {
    const text = withPolicy('').replace('window: 1m', 'window: 60')
    expect(() => parseDocument(text, { source: 'sluice.yaml' })).toThrow(
      /^sluice\.yaml is no valid policy document, so it is not used:\n {2}line \d+, column \d+: policies\[0\]\.rules\[0\]\.limits\[0\]\.window: expected a text, got 60\n \(ERR_POLICY_INVALID, see /,
    )
  })

  test('all at once, and in the order of the document', () => {
    const text = withPolicy('status: 200').replace('revision: 7', 'revision: 0').replace('window: 1m', 'window: 1 minute')
    expect(problemsOf(text).map(({ path }) => path)).toEqual(['revision', 'policies[0].rules[0].limits[0].window', 'policies[0].status'])
  })

  test('without lines, where the document was data already', () => {
    expect(() => checkData({ apiVersion: 'sluice/v2' }, 'data')).toThrow(PolicyError)
    expect(() => checkData({ apiVersion: 'sluice/v2' }, 'data')).toThrow('apiVersion: expected sluice/v1, got "sluice/v2"')
  })
})

describe('what YAML allows and a document must not have', () => {
  test.each([
    ['an alias', `${head()}policies: &a []\nexempt: *a\n`, 'expected no alias'],
    ['an anchor', `${head()}policies: &a []\n`, 'expected no anchor'],
    ['a tag', `${head()}policies: !!set {}\n`, 'expected no tag'],
    ['a key twice', `${head()}policies: []\npolicies: []\n`, 'Map keys must be unique'],
    ['a merge', `${head()}<<: {}\npolicies: []\n`, 'expected another key than <<'],
    ['__proto__', `${head()}__proto__: {}\npolicies: []\n`, 'expected another key than __proto__'],
    ['two documents', `${head()}policies: []\n---\n${head()}policies: []\n`, 'expected one document, got 2'],
    ['nothing', '', 'expected a document, got an empty text'],
    ['brackets without end', '['.repeat(1_000_000), 'expected at most 20 levels'],
    ['lists in lists', '- '.repeat(500_000), 'expected at most 20 levels'],
    ['levels by indentation', Array.from({ length: 200 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'expected at most 20 levels'],
    ['more than 1 MiB', `${head()}policies: []\n#${'x'.repeat(1_048_576)}`, 'expected at most 1048576 bytes'],
    ['more than 1 MiB in bytes', `${head()}policies: []\n#${'\u{1f600}'.repeat(262_144)}`, 'expected at most 1048576 bytes'],
    [
      'a list where fields belong',
      withPolicy('').replace('rules: [{', 'rules: [{ match: [], '),
      'expected an object with fields, got an empty list',
    ],
  ])('%s is refused', (_, text, message) => {
    expect(problemsOf(text).map((problem) => problem.message)).toContainEqual(expect.stringContaining(message))
  })
})

describe('names', () => {
  test.each([
    ['an unknown subject', withPolicy('').replace('subject: client', 'subject: clients'), 'expected a name in subjects'],
    [
      'two policies',
      `${withPolicy('')}  - name: API\n    rules: [{ name: all, limits: [] }]\n`,
      'expected a different name for each policy',
    ],
    ['two limits of a rule', withPolicy('', `limits: [${limit()}, ${limit()}]`), 'expected a different name for each limit'],
    ['a default tier that is not listed', withPolicy('', `tiers: { pro: [${limit()}] }`), 'expected the default tier "free" among them'],
    ['limits and tiers', withPolicy('', `limits: [], tiers: { free: [] }`), 'expected either limits or tiers'],
    ['a column of an unknown limit', `${withPolicy('')}columns: { rps: api.second }\n`, 'expected a limit of this document'],
    [
      'a test of an unknown limit',
      `${withPolicy('')}tests: [{ request: { path: / }, expect: { refusedBy: api.second } }]\n`,
      'expected a limit of this document',
    ],
    ['deleted with policies', `${head()}deleted: true\npolicies: []\n`, 'expected nothing beside deleted: true'],
    ['no policies', head(), 'is missing; expected a list, which may be empty'],
    ['a name with a dot', withPolicy('').replace('name: minute', 'name: a.b'), 'expected a name: a letter'],
  ])('%s is refused', (_, text, message) => {
    expect(messages(text)).toContainEqual(expect.stringContaining(message))
  })

  test('deleted: true alone is valid', () => {
    expect(messages('apiVersion: sluice/v1\nnamespace: shop\nrevision: 8\ndeleted: true\n')).toEqual([])
  })
})

describe('limits of one name are one counter', () => {
  const two = (first: string, second: string): string =>
    `${head()}policies:\n  - name: api\n    rules:\n      - { name: a, match: { paths: [/a] }, limits: [${first}] }\n      - { name: b, limits: [${second}] }\n`

  test('two rules that do not say shared are refused', () => {
    expect(messages(two(limit(), limit()))).toEqual([expect.stringContaining('write shared: true in both')])
    expect(messages(two(limit('shared: true'), limit()))).toEqual([expect.stringContaining('write shared: true in both')])
    expect(messages(two(limit('shared: true'), limit('shared: true')))).toEqual([])
  })

  test.each([
    ['window', 'window: 1m', 'window: 1h'],
    ['subject', 'subject: client', 'subject: address'],
    ['algorithm', 'algorithm: slidingWindow', 'algorithm: slidingLog'],
  ])('they have the same %s', (field, before, after) => {
    const shared = limit('shared: true')
    expect(messages(two(shared, shared.replace(before, after)))).toEqual([
      expect.stringContaining(`expected the same ${field} as in rule "a"`),
    ])
  })

  test('tiers of a rule are one counter too', () => {
    const tiers = `tiers: { free: [${limit()}], pro: [${limit().replace('limit: 3', 'limit: 9')}] }`
    expect(messages(withPolicy('', tiers))).toEqual([])
    expect(messages(withPolicy('', tiers.replace('window: 1m, subject: client }] }', 'window: 1h, subject: client }] }')))).toEqual([
      expect.stringContaining('expected the same window'),
    ])
  })
})

describe('numbers', () => {
  test.each([
    ['window: 1m', 'window: 367d', 'expected whole milliseconds from 1 to 31622400000 (366 days)'],
    ['algorithm: slidingWindow, limit: 3', 'algorithm: tokenBucket, limit: 9007199254740991', 'expected'],
    ['window: 1m', 'window: 1m, cost: { header: x-cost, default: 9, max: 3 }', 'expected at most max (3), got 9'],
    [
      'algorithm: slidingWindow, limit: 3, window: 1m',
      'algorithm: fixedWindow, limit: 3, window: day, timeZone: Mars/Olympus',
      'expected an IANA time zone',
    ],
    [
      'algorithm: slidingWindow, limit: 3, window: 1m',
      'algorithm: fixedWindow, limit: 3, window: 1h, timeZone: UTC',
      'expected a window of the calendar',
    ],
    ['window: 1m', 'ttl: 1m', 'expected no field "ttl" here'],
  ])('%s as %s is refused', (before, after, message) => {
    expect(messages(withPolicy('').replace(before, after))).toContainEqual(expect.stringContaining(message))
  })
})

describe('times', () => {
  test.each([
    ["{ from: '2027-02-30T00:00:00Z' }", 'expected an instant that exists'],
    ["{ from: '2027-01-02T00:00:00Z', until: '2027-01-01T00:00:00Z' }", 'expected an instant after from'],
    ["{ from: '2027-01-01' }", 'expected an instant with its offset'],
    ['{}', 'expected from, until or weekly'],
    ["{ weekly: [{ days: [sat], from: '10:00', to: '10:00' }] }", 'expected another time than from'],
    ["{ weekly: [{ days: [sat, sat], from: '10:00', to: '11:00' }] }", 'expected each day once'],
    ["{ weekly: [{ days: [sat], from: '10:00', to: '25:00' }] }", 'expected a time of day'],
    ["{ weekly: [{ days: [sat], from: '10:00', to: '11:00', timeZone: Mars/Olympus }] }", 'expected an IANA time zone'],
  ])('active: %s is refused', (active, message) => {
    expect(messages(withPolicy(`active: ${active}`))).toContainEqual(expect.stringContaining(message))
  })
})

// What a client can invent never exempts, and never raises a limit.
describe('trust', () => {
  const HASH = 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'

  test.each([
    ['a header', '{ headers: { x-internal: yes } }', 'a client can send any header'],
    ['a header among paths', '{ paths: [/a], headers: { x-internal: yes } }', 'a client can send any header'],
    ['one hash and one plain value', `{ headers: { x-token: [${HASH}, plain] } }`, 'a client can send any header'],
    ['a host name', '{ hosts: [internal.example.org] }', 'a client can send any host name'],
    ['nothing', '{}', 'it exempts every request'],
  ])('%s exempts nobody', (_, match, message) => {
    expect(messages(`${withPolicy('')}exempt: [${match}]\n`)).toContainEqual(expect.stringContaining(message))
  })

  test.each([
    ['an address', '{ addresses: [10.0.0.0/8] }'],
    ['an attribute', '{ attributes: { role: admin } }'],
    ['a tier', '{ tiers: [internal] }'],
    ['a secret', `{ headers: { x-token: ${HASH} } }`],
    ['a path', '{ paths: [/healthz] }'],
    ['a header beside an address', '{ headers: { x-internal: yes }, addresses: [10.0.0.0/8] }'],
  ])('%s may exempt', (_, match) => {
    expect(messages(`${withPolicy('')}exempt: [${match}]\n`)).toEqual([])
  })

  const byKey = (override: string): string =>
    withPolicy(`overrides: [${override}]`, `tiers: { free: [${limit().replace('subject: client', 'subject: key')}], pro: [] }`)
  test.each([
    ['a raised limit', '{ subject: key, is: secret, limits: { minute: { limit: 4 } } }'],
    ['another tier', '{ subject: key, is: secret, tier: pro }'],
    ['an exemption', '{ subject: key, is: secret, exempt: true }'],
    ['a prefix', '{ subject: key, startsWith: int-, limits: { minute: { limit: 1 } } }'],
    ['a raised share', '{ subject: key, percent: 10, limits: { minute: { limit: 9 } } }'],
  ])('%s by a header that a client can send is refused', (_, override) => {
    expect(messages(byKey(override))).toContainEqual(expect.stringContaining('this override can be claimed'))
  })

  test.each([
    ['a lower limit', '{ subject: key, is: secret, limits: { minute: { limit: 1 } } }'],
    ['a raised limit of a secret', `{ subject: key, is: '${HASH}', limits: { minute: { limit: 4 } } }`],
  ])('%s by a header is valid', (_, override) => {
    expect(messages(byKey(override))).toEqual([])
  })

  test('a header that the gateway always overwrites is trusted', () => {
    const override = '{ subject: gateway, is: acme, limits: { minute: { limit: 4 } } }'
    expect(messages(byKey(override).replace('subject: key }', 'subject: gateway }'))).toEqual([])
  })

  test('a hash that is none is refused, and not taken for a value', () => {
    expect(messages(byKey("{ subject: key, is: 'sha256:abc', limits: { minute: { limit: 4 } } }"))).toContainEqual(
      expect.stringContaining('expected 64 hexadecimal digits'),
    )
  })
})

describe('overrides', () => {
  const override = (fields: string): string => withPolicy(`overrides: [${fields}]`, `limits: [${limit()}]`)
  test.each([
    ['two conditions', '{ subject: client, is: a, percent: 5, exempt: true }', 'expected one of is, startsWith and percent'],
    ['two changes', '{ subject: client, is: a, exempt: true, tier: free }', 'expected one of limits, tier and exempt'],
    ['no change', '{ subject: client, is: a }', 'expected one of limits, tier and exempt'],
    [
      'an unknown limit',
      '{ subject: client, is: a, limits: { hour: { limit: 1 } } }',
      'expected a limit of this policy (minute), got "hour"',
    ],
    ['no number', '{ subject: client, is: a, limits: { minute: {} } }', 'expected limit or burst'],
    ['a burst of a window', '{ subject: client, is: a, limits: { minute: { burst: 3 } } }', 'expected a bucket'],
    ['an unknown tier', '{ subject: client, is: a, tier: gold }', 'expected a tier of a rule of this policy'],
    ['the limit of others', '{ subject: member, is: a, limits: { minute: { limit: 9 } } }', 'it would change the limit of others'],
    ['an unknown subject', '{ subject: nobody, is: a, exempt: true }', 'expected a name in subjects'],
  ])('%s is refused', (_, fields, message) => {
    expect(messages(override(fields))).toContainEqual(expect.stringContaining(message))
  })

  test('two for the same subjects are refused', () => {
    const one = '{ subject: client, is: a, exempt: true }'
    expect(messages(override(`${one}, ${one}`))).toEqual([expect.stringContaining('expected one override for these subjects, got two')])
  })

  test('a rollout decides by a subject that each limit contains', () => {
    expect(messages(withPolicy('rollout: { percent: 10, by: client }'))).toEqual([])
    expect(messages(withPolicy('rollout: { percent: 10, by: tenant }'))).toEqual([
      expect.stringContaining('expected a subject that contains "tenant", by which the rollout decides'),
    ])
  })
})

describe('bounds', () => {
  test('10,000 overrides are valid, one more is refused', { timeout: 120_000 }, () => {
    const overrides = (count: number): string =>
      withPolicy(`overrides: [${Array.from({ length: count }, (_, i) => `{ subject: client, is: c${i}, exempt: true }`).join(', ')}]`)
    expect(messages(overrides(10_000))).toEqual([])
    expect(messages(overrides(10_001))).toContainEqual(expect.stringContaining('at most 10000'))
  })

  test('17 limits in a rule are refused', () => {
    const list = Array.from({ length: 17 }, (_, i) => limit().replace('minute', `m${i}`))
    expect(messages(withPolicy('', `limits: [${list.join(', ')}]`))).toContainEqual(expect.stringContaining('expected at most 16 entries'))
  })
})
