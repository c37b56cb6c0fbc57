import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { diffDocuments, lintDocument, parseCeilings } from '../src/index.ts'
import { covers } from '../src/review/covers.ts'
import { head, limit, parsed, withPolicy } from './documents.ts'

const NOW = Date.parse('2026-11-30T12:00:00Z')
const lint = (text: string, previous?: string): readonly string[] =>
  lintDocument(text, { now: NOW, previous: previous === undefined ? undefined : parsed(previous) })
    .filter(({ rule }) => rule !== 'unused')
    .map(({ rule, line, path, message }) => `${line} ${rule} ${path}: ${message}`)

describe('covers', () => {
  test.each([
    [undefined, { paths: ['/a'] }],
    [{ paths: ['/*'] }, { paths: ['/a/b', '/c/*'] }],
    [{ paths: ['/a/*'] }, { paths: ['/A'] }],
    [{ paths: ['/a/:id'] }, { paths: ['/a/b', '/A/c/'] }],
    [{ methods: ['GET'] }, { methods: ['HEAD'], paths: ['/a'] }],
    [{ hosts: ['*.example.org'] }, { hosts: ['a.example.org', '*.b.example.org'] }],
    [{ attributes: { op: ['a', 'b'] } }, { attributes: { op: 'a', role: 'x' } }],
    [{ headers: { 'X-Kind': 'a' } }, { headers: { 'x-kind': ['a'] } }],
    [{ tiers: ['free', 'pro'] }, { tiers: ['pro'] }],
    [
      { paths: ['/a/:x'], caseSensitive: true },
      { paths: ['/a/b'], caseSensitive: true },
    ],
  ])('%j covers %j', (outer, inner) => {
    expect(covers(outer, inner)).toBe(true)
  })

  test.each([
    [{ paths: ['/a'] }, undefined],
    [{ paths: ['/a'] }, { methods: ['GET'] }],
    [{ paths: ['/a/:id'] }, { paths: ['/a/*'] }],
    [{ paths: ['/a/b/*'] }, { paths: ['/a/*'] }],
    [{ paths: ['/a/:id'] }, { paths: ['/a'] }],
    [{ methods: ['GET'] }, { methods: ['GET', 'POST'] }],
    [{ hosts: ['*.example.org'] }, { hosts: ['example.org'] }],
    [{ attributes: { op: 'a' } }, { attributes: { op: ['a', 'b'] } }],
    [{ paths: ['/a'], caseSensitive: true }, { paths: ['/a'] }],
    [{ addresses: ['10.0.0.0/8'] }, { addresses: ['192.0.2.1'] }],
  ])('%j does not cover %j', (outer, inner) => {
    expect(covers(outer, inner)).toBe(false)
  })
})

describe('lint', () => {
  test('the ten needs have no findings', () => {
    const needs = readFileSync(join(import.meta.dirname, 'samples/needs.yaml'), 'utf8')
    expect(lintDocument(needs, { now: NOW })).toEqual([])
  })

  const rules = (first: string, second: string): string =>
    `${head()}policies:\n  - name: api\n    rules:\n      - { name: one, ${first}limits: [${limit('shared: true')}] }\n      - { name: two, ${second}limits: [${limit('shared: true')}] }\n`

  test('a rule below one that matches all of its requests', () => {
    expect(lint(rules('', 'match: { paths: [/a] }, '))).toEqual([
      '17 unreachable policies[0].rules[1]: no request reaches rule "two": rule "one" above it matches all of them; put it below, or narrow it',
    ])
    expect(lint(rules('match: { paths: [/a] }, ', ''))).toEqual([])
    expect(lint(rules("active: { weekly: [{ days: [mon], from: '08:00', to: '09:00' }] }, ", ''))).toEqual([])
  })

  test('a rule whose requests are all exempt', () => {
    const text = rules('match: { paths: [/healthz] }, ', '').replace('policies:', 'exempt: [{ paths: [/healthz] }]\npolicies:')
    expect(lint(text)).toEqual(['17 unreachable policies[0].rules[0]: no request reaches rule "one": exempt[0] exempts all of them'])
  })

  test('a header as the only subject', () => {
    const text = withPolicy('', `limits: [${limit().replace('subject: client', 'subject: key')}]`)
    expect(lint(text)).toEqual([
      '15 forgeable policies[0].rules[0].limits[0].subject: a client can send any value for "key", and each value has a quota of its own; add a limit by address, or write trusted: true if a gateway sets the value',
    ])
    expect(lint(text.replaceAll('subject: key', 'subject: gateway'))).toEqual([])
    const byAddress = `{ name: address, algorithm: slidingWindow, limit: 9, window: 1m, subject: address }`
    expect(lint(text.replace('limits: [', `limits: [${byAddress}, `))).toEqual([])
    expect(lint(`${text}  - name: global\n    rules: [{ name: all, limits: [${byAddress}] }]\n`)).toEqual([])
    expect(lint(`${text}  - name: global\n    mode: shadow\n    rules: [{ name: all, limits: [${byAddress}] }]\n`)).toHaveLength(1)
  })

  test('counters that start anew, new ones, and a revision that is not higher', () => {
    const before = withPolicy('')
    expect(lint(before, before)).toEqual([])
    expect(lint(before.replace('revision: 7', 'revision: 8').replace('limit: 3', 'limit: 4'), before)).toEqual([])
    expect(lint(before.replace('revision: 7', 'revision: 8').replace('window: 1m', 'window: 1h'), before)).toEqual([
      '15 new-counter policies[0].rules[0].limits[0]: the limit api.minute starts to count anew: its window was 1m and is 1h',
    ])
    expect(lint(before.replace('name: minute', 'name: hour'), before)).toEqual([
      '3 revision revision: expected a revision above 7, which is in force; one that is not higher is ignored',
      '15 new-counter policies[0].rules[0].limits[0]: the limit api.hour is new: it counts from 0',
    ])
    expect(
      lint(before.replace('parts: [{ attribute: client }]', 'parts: [{ attribute: user }]').replace('revision: 7', 'revision: 8'), before),
    ).toEqual([expect.stringContaining('its subject was client (attribute client) and is client (attribute user)')])
    expect(lint(before.replace('namespace: shop', 'namespace: store'), before)).toEqual([
      '2 new-counter namespace: every limit starts to count anew: the namespace was "shop" and is "store"',
    ])
  })

  test('what has ended, and a subject that nothing uses', () => {
    const text = withPolicy("overrides: [{ subject: client, is: acme, exempt: true, until: '2026-01-01T00:00:00Z' }]")
    expect(lint(text)).toEqual(['16 ended policies[0].overrides[0].until: the override ended at 2026-01-01T00:00:00Z; remove it'])
    expect(
      lintDocument(text, { now: NOW })
        .filter(({ rule }) => rule === 'unused')
        .map(({ path }) => path),
    ).toContain('subjects.tenant')
  })

  const unused = (text: string): readonly string[] =>
    lintDocument(text, { now: NOW })
      .filter(({ rule, path }) => rule === 'unused' && !path.startsWith('subjects'))
      .map(({ line, path, message }) => `${line} ${path}: ${message}`)

  test('columns without a table, and a delay above the limit', () => {
    const columns = `${withPolicy('')}columns: { rpm_limit: api.minute }\n`
    expect(unused(columns)).toEqual([expect.stringContaining('16 columns.rpm_limit: nothing uses the column "rpm_limit"')])
    expect(unused(columns.replace('attribute: plan,', 'attribute: plan, table: clients,'))).toEqual([])
    const delay = (after: number): string => withPolicy('', `limits: [${limit(`delay: { after: ${after}, step: 1s }`)}]`)
    expect(unused(delay(3))).toEqual([
      '15 policies[0].rules[0].limits[0].delay.after: no request is delayed: it is refused above 3; expected less',
    ])
    expect(unused(delay(2))).toEqual([])
  })

  test('what exceeds the ceilings of the namespace, with its line', () => {
    const ceilings = (namespace: string) =>
      parseCeilings(
        `apiVersion: sluice/v1\nkind: ceilings\nrevision: 1\nnamespaces: { ${namespace}: { rates: [{ limit: 2, window: 1m }] } }\n`,
      )
    const found = (namespace: string) =>
      lintDocument(withPolicy(''), { now: NOW, ceilings: ceilings(namespace) }).filter(({ rule }) => rule === 'ceiling')
    expect(found('shop')).toEqual([
      expect.objectContaining({
        line: 15,
        path: 'policies[0].rules[0].limits[0].limit',
        message: 'expected at most 2, by the ceilings of the namespace, got 3',
      }),
    ])
    expect(found("'*'")).toHaveLength(1)
    expect(found('other')).toEqual([])
  })
})

describe('diff', () => {
  const diff = (before: string, after: string): readonly string[] =>
    diffDocuments(parsed(before), parsed(after)).map(({ policy = '*', effect, who, message }) => `${policy} ${effect} ${who}: ${message}`)
  const base = withPolicy('')

  test('equal documents, and comments, change nothing', () => {
    expect(diff(base, base.replace('revision: 7', 'revision: 8 # later'))).toEqual([])
  })

  test.each([
    ['limit: 3', 'limit: 5', 'api looser every request: api.minute was 3 per 1m and is 5 per 1m'],
    ['limit: 3', 'limit: 1', 'api tighter every request: api.minute was 3 per 1m and is 1 per 1m'],
    ['subject: client }', 'subject: client, cost: 2 }', 'api neither every request: api.minute: cost was none and is 2'],
    ['    rules: [', '    mode: shadow\n    rules: [', 'api looser every request: the mode was enforce and is shadow'],
    [
      '    rules: [',
      '    rollout: { percent: 5, by: client }\n    rules: [',
      'api looser every request: was enforced for everyone and is for 5 % of client',
    ],
    [
      'name: all,',
      'name: all, match: { methods: [POST], paths: [/a] },',
      'api neither POST /a: rule all: its match was every request and is POST /a',
    ],
    ['policies:', 'exempt: [{ paths: [/healthz] }]\npolicies:', '* looser /healthz: is exempt from every limit'],
    ['default: free', 'default: basic', '* neither every request: the default tier was free and is basic'],
    ['policies:', 'description: words\npolicies:', undefined],
  ])('%s is now %s', (from, to, change) => {
    expect(diff(base, base.replace(from, to))).toEqual(change === undefined ? [] : [change])
  })

  test('a window starts a counter anew', () => {
    expect(diff(base, base.replace('window: 1m', 'window: 1h'))).toEqual([
      'api neither every request: api.minute was 3 per 1m and is 3 per 1h',
      'api anew every client: api.minute starts to count anew: its window was 1m and is 1h',
    ])
  })

  test('rules, policies, overrides and tiers that come and go', () => {
    const tiers = (list: string): string => withPolicy('', `tiers: { ${list} }`)
    expect(diff(tiers(`free: [${limit()}]`), tiers(`free: [${limit()}], pro: []`))).toEqual([
      'api neither tier pro, every request: tier pro in rule all: no limit',
    ])
    expect(diff(base, base.replace('name: all', 'name: other'))).toEqual([
      'api looser every request: the rule all is removed',
      'api tighter every request: the rule other is new: minute 3 per 1m for each client (slidingWindow)',
    ])
    const acme = (until: string): string =>
      withPolicy(`overrides: [{ subject: client, is: acme, limits: { minute: { limit: 9 } }${until} }]`)
    expect(diff(base, acme(''))).toEqual(['api neither client = acme: has an override: minute 9'])
    expect(diff(acme(''), acme(", until: '2027-01-01T00:00:00Z'"))).toEqual([
      'api neither client = acme: had the override minute 9 and has minute 9, until 2027-01-01T00:00:00Z',
    ])
    expect(diff(acme(''), base)).toEqual(['api neither client = acme: has no override any more; it was minute 9'])
    const two = `${base}  - name: extra\n    rules: [{ name: all, limits: [${limit()}] }]\n`
    expect(diff(base, two)).toHaveLength(2)
    expect(diff(two, base)).toEqual(['extra looser every request: the policy is removed'])
  })
})

test('what the rate limit service of Envoy does not hold, with the option rls', () => {
  const text = `
apiVersion: sluice/v1
namespace: shop
revision: 1
subjects:
  user: { parts: [{ attribute: user }], missing: skip }
  client: { parts: [{ attribute: client }] }
  email: { parts: [{ body: email }], missing: skip }
policies:
  - name: api
    rules:
      - name: all
        limits:
          - { name: minute, algorithm: fixedWindow, limit: 3, window: 1m, subject: user }
          - { name: slots, algorithm: concurrency, limit: 3, ttl: 1m, subject: user }
          - { name: tokens, algorithm: tokenBucket, limit: 3, window: 1m, subject: client, settle: { attribute: used, max: 9 } }
          - { name: errors, algorithm: slidingWindow, limit: 3, window: 1m, subject: email, refundOn: [2xx] }
          - { name: queue, algorithm: leakyBucket, limit: 3, window: 1m, subject: user, queue: true }
`
  const found = lintDocument(text, { rls: true }).filter(({ rule }) => rule === 'rls')
  expect(found.map(({ path, message }) => `${path}: ${message}`)).toEqual([
    'subjects.client: a descriptor without "client" needs the entry remote_address, or its call fails; write missing: skip if it is not limited then',
    'subjects.email: a descriptor has no body and no cookies; read "email" from an attribute',
    'policies[0].rules[0].limits[1]: the rate limit service of Envoy skips the limit "slots": Envoy does not say when a request ends',
    'policies[0].rules[0].limits[2]: the rate limit service of Envoy skips the limit "tokens": Envoy does not settle what a request took',
    'policies[0].rules[0].limits[3]: the rate limit service of Envoy skips the limit "errors": Envoy does not say the status of the response',
    'policies[0].rules[0].limits[4]: the rate limit service of Envoy admits at once what "queue" would delay',
  ])
  expect(lintDocument(text).filter(({ rule }) => rule === 'rls')).toEqual([])
})
