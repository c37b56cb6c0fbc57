import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Evaluator, type TestRequest, type Verdict } from '../src/index.ts'
import { compile } from '../src/compile/revision.ts'
import { select } from '../src/compile/select.ts'
import type { RequestView } from '../src/request.ts'
import { head, limit, parsed, withPolicy } from './documents.ts'

const NOW = Date.parse('2026-11-30T12:00:00Z')
const of = (client: string, fields: Partial<TestRequest> = {}): TestRequest => ({
  path: '/',
  ip: '203.0.113.7',
  attributes: { client },
  ...fields,
})

/** How many of `count` equal requests are admitted. */
function admitted(text: string, request: TestRequest, count = 10, now = NOW): number {
  const evaluator = new Evaluator(parsed(text))
  let sum = 0
  for (let i = 0; i < count; i++) if (evaluator.decide(request, now).isAdmitted) sum += 1
  return sum
}

function first(text: string, request: TestRequest, now = NOW): Verdict {
  return new Evaluator(parsed(text)).decide(request, now)
}

describe('which rule holds', () => {
  const rules = `${head()}policies:
  - name: api
    rules:
      - { name: a, match: { paths: [/a], methods: [GET] }, limits: [${limit('shared: true').replace('limit: 3', 'limit: 1')}] }
      - { name: b, limits: [${limit('shared: true')}] }
`
  test('the first that matches', () => {
    expect(admitted(rules, of('x', { path: '/a' }))).toBe(1)
    expect(admitted(rules, of('x', { path: '/A/' }))).toBe(1)
    expect(admitted(rules, of('x', { path: '/a', method: 'HEAD' }))).toBe(1)
    expect(admitted(rules, of('x', { path: '/a', method: 'POST' }))).toBe(3)
    expect(admitted(rules, of('x', { path: '/b' }))).toBe(3)
  })

  test('two rules with one counter: what one took, the other has not', () => {
    const evaluator = new Evaluator(parsed(rules))
    for (let i = 0; i < 2; i++) expect(evaluator.decide(of('x', { path: '/b' }), NOW).isAdmitted).toBe(true)
    expect(evaluator.decide(of('x', { path: '/a' }), NOW).refusedBy).toBe('api.minute')
    expect(evaluator.decide(of('y', { path: '/a' }), NOW).isAdmitted).toBe(true)
  })

  test.each([
    ['hosts: [api.example.org]', { host: 'API.example.org:8080' }, { host: 'www.example.org' }],
    ["hosts: ['*.example.org']", { host: 'a.b.example.org' }, { host: 'example.org' }],
    ['headers: { X-Kind: [batch, bulk] }', { headers: { 'x-kind': 'bulk' } }, { headers: { 'x-kind': 'Bulk' } }],
    [
      'attributes: { user.role: admin }',
      { attributes: { client: 'x', user: { role: ['staff', 'admin'] } } },
      { attributes: { client: 'x', user: {} } },
    ],
    ['attributes: { beta: true }', { attributes: { client: 'x', beta: true } }, { attributes: { client: 'x', beta: 'true' } }],
    ['addresses: [192.0.2.0/24]', { ip: '192.0.2.9' }, { ip: '198.51.100.1' }],
    ['routes: [GET /users/:id]', { route: 'GET /users/:id' }, { route: 'GET /users' }],
    ['tiers: [pro]', { attributes: { client: 'x', plan: 'pro' } }, { attributes: { client: 'x', plan: 'free' } }],
  ] as const)('match: { %s }', (match, yes, no) => {
    const text = withPolicy('').replace('{ name: all, ', `{ name: all, match: { ${match} }, `)
    expect(first(text, of('x', yes)).isLimited).toBe(true)
    expect(first(text, of('x', no)).isLimited).toBe(false)
  })
})

describe('who is limited', () => {
  test('a missing subject: address, skip and reject', () => {
    const by = (subject: string): string => withPolicy('').replace('subject: client', `subject: ${subject}`)
    const bare: TestRequest = { path: '/', ip: '203.0.113.7' }
    expect(admitted(by('client'), bare)).toBe(3)
    expect(first(by('account'), bare).isLimited).toBe(false)
    expect(first(by('key'), bare)).toMatchObject({ isAdmitted: false, status: 401 })
    expect(first(by('tenant'), bare)).toMatchObject({ isAdmitted: false, status: 401 })
  })

  test('a request that is rejected is charged nothing', () => {
    const text = `${withPolicy('')}  - name: other\n    rules: [{ name: all, match: { paths: [/t] }, limits: [${limit().replace('client', 'tenant')}] }]\n`
    const evaluator = new Evaluator(parsed(text))
    for (let i = 0; i < 9; i++) expect(evaluator.decide(of('x', { path: '/t' }), NOW).status).toBe(401)
    for (let i = 0; i < 3; i++) expect(evaluator.decide(of('x'), NOW).isAdmitted).toBe(true)
  })

  test('spellings of an account are one', () => {
    const evaluator = new Evaluator(parsed(withPolicy('').replace('subject: client', 'subject: account')))
    const verdicts = []
    for (const email of ['Ann@x.org', ' ann@x.org', 'ANN@X.ORG', 'ann@x.org'])
      verdicts.push(evaluator.decide(of('x', { body: { email } }), NOW).isAdmitted)
    expect(verdicts).toEqual([true, true, true, false])
  })

  test('a path of attributes reads no inherited property', () => {
    const text = withPolicy('').replace('{ attribute: client }', '{ attribute: user.toString }')
    expect(first(text, { path: '/', attributes: { user: {} }, ip: '203.0.113.7' }).isLimited).toBe(true)
    expect(admitted(text, { path: '/', attributes: { user: {} }, ip: '203.0.113.7' })).toBe(3)
  })
})

describe('tiers and overrides', () => {
  const tiers = `tiers: { free: [${limit()}], pro: [${limit().replace('limit: 3', 'limit: 5')}], enterprise: [] }`
  const text = withPolicy(
    `overrides:
      - { subject: client, is: acme, limits: { minute: { limit: 7 } } }
      - { subject: client, startsWith: ac, limits: { minute: { limit: 2 } } }
      - { subject: client, startsWith: acm, limits: { minute: { limit: 4 } } }
      - { subject: client, is: gone, limits: { minute: { limit: 9 } }, until: '2026-11-30T12:00:00Z' }
      - { subject: client, is: 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae', tier: pro }
      - { subject: client, is: free-as-air, exempt: true }
      - { subject: client, startsWith: free-, tier: enterprise }`,
    tiers,
  )
  test.each([
    ['nobody', undefined, 3],
    ['nobody', 'pro', 5],
    ['nobody', 'unknown', 3],
    ['nobody', 'constructor', 3],
    ['nobody', 'enterprise', 10],
    ['acme', undefined, 7],
    ['acme', 'pro', 7],
    ['acme2', undefined, 4],
    ['acid', undefined, 2],
    ['gone', undefined, 3],
    ['foo', undefined, 5],
    ['free-as-air', undefined, 10],
    ['free-x', undefined, 10],
  ])('%s in tier %s is admitted %s of 10 times', (client, plan, count) => {
    expect(admitted(text, of(client, { attributes: { client, plan } }))).toBe(count)
  })

  test('an override ends at its instant, not before', () => {
    expect(admitted(text, of('gone'), 10, NOW - 1)).toBe(9)
    expect(admitted(text, of('gone'), 10, NOW)).toBe(3)
  })

  test('a raised limit goes on with the same counter', () => {
    const raised = new Evaluator(parsed(text))
    for (let i = 0; i < 7; i++) expect(raised.decide(of('acme'), NOW).isAdmitted).toBe(true)
    expect(raised.decide(of('acme'), NOW)).toMatchObject({ isAdmitted: false, refusedBy: 'api.minute', status: 429 })
  })

  test('a client without the attribute is never taken for one of that name', () => {
    const byAddress = withPolicy(`overrides: [{ subject: client, is: '~ip:203.0.113.7', exempt: true }]`)
    expect(admitted(byAddress, { path: '/', ip: '203.0.113.7' })).toBe(3)
  })
})

describe('exempt', () => {
  test('a request that is exempt takes nothing', () => {
    const evaluator = new Evaluator(parsed(`${withPolicy('')}exempt: [{ paths: [/healthz] }, { addresses: [10.0.0.0/8] }]\n`))
    for (let i = 0; i < 9; i++) {
      expect(evaluator.decide(of('x', { path: '/healthz' }), NOW).isLimited).toBe(false)
      expect(evaluator.decide(of('x', { ip: '10.1.2.3' }), NOW).isLimited).toBe(false)
    }
    expect(evaluator.decide(of('x'), NOW).limits).toEqual([{ name: 'api.minute', limit: 3, remaining: 2, subject: 'x' }])
  })
})

// Behind a proxy that is not trusted, the address of each request is that of the proxy. It would exempt everyone.
test.each([
  [false, true],
  [true, false],
])('an exempt address, forwarded by a proxy that is not trusted: %s, exempts: %s', async (isForwarded, isExempt) => {
  const view: RequestView<object> = {
    method: () => 'GET',
    target: () => '/',
    address: () => '10.1.2.3',
    header: () => undefined,
    isForwarded: () => isForwarded,
  }
  const revision = compile(parsed(`${withPolicy('')}exempt: [{ addresses: [10.0.0.0/8] }]\n`), view)
  const selection = await select(revision, view, { context: {}, attributes: {}, tier: undefined, now: NOW })
  expect(selection.isExempt).toBe(isExempt)
})

describe('modes', () => {
  test('shadow refuses nothing, and says what it would refuse', () => {
    const evaluator = new Evaluator(parsed(withPolicy('mode: shadow')))
    const shadowed = []
    for (let i = 0; i < 5; i++) {
      const verdict = evaluator.decide(of('x'), NOW)
      expect(verdict.isAdmitted).toBe(true)
      shadowed.push(verdict.shadowed.length)
    }
    expect(shadowed).toEqual([0, 0, 0, 1, 1])
  })

  test('shadow refuses nobody who lacks the subject', () => {
    const text = withPolicy('mode: shadow').replace('subject: client', 'subject: key')
    expect(first(text, of('x')).isAdmitted).toBe(true)
  })

  test('off does nothing', () => {
    expect(first(withPolicy('mode: off'), of('x')).isLimited).toBe(false)
  })

  test('a rollout enforces for its share, always the same clients', () => {
    const text = withPolicy('rollout: { percent: 30, by: client }')
    const enforced: string[] = []
    for (let i = 0; i < 600; i++) if (admitted(text, of(`c${i}`), 4) === 3) enforced.push(`c${i}`)
    // The chance to be outside is below 1 in 10,000 for a fair hash. The clients are fixed, so it does not vary from run to run.
    expect(enforced.length).toBeGreaterThan(600 * 0.22)
    expect(enforced.length).toBeLessThan(600 * 0.38)
    for (const client of enforced.slice(0, 5)) expect(admitted(text.replace('percent: 30', 'percent: 40'), of(client), 4)).toBe(3)
  })

  test('two policies make one decision: a refusal of one takes nothing of the other', () => {
    const text = `${withPolicy('')}  - name: small\n    rules: [{ name: all, limits: [${limit().replace('limit: 3', 'limit: 1')}] }]\n`
    const evaluator = new Evaluator(parsed(text))
    const remaining = []
    for (let i = 0; i < 4; i++) remaining.push(evaluator.decide(of('x'), NOW).limits[0]?.remaining)
    expect(remaining[0]).toBe(2)
    expect(remaining.slice(1).every((left) => left === 2)).toBe(true)
  })
})

describe('cost', () => {
  const text = withPolicy('', `limits: [${limit('cost: { body: n, default: 2, max: 3 }')}]`)
  test.each([
    [{ n: 1 }, 1],
    [{ n: '3' }, 3],
    [{ n: 99 }, 3],
    [{ n: -1 }, 2],
    [{ n: 1.5 }, 2],
    [{ n: null }, 2],
    [undefined, 2],
    [{ n: 0 }, 0],
  ])('of a body %j is %s', (body, cost) => {
    const { limits } = first(text, of('x', { body }))
    expect(3 - (limits[0]?.remaining ?? 0)).toBe(cost)
  })
})

describe('active', () => {
  const active = (weekly: string): string => withPolicy(`active: { weekly: [${weekly}] }`).replace('limit: 3', 'limit: 0')
  const night = active("{ days: [sat], from: '23:00', to: '02:00', timeZone: Europe/Berlin }")

  test.each([
    ['2026-11-28T22:59:59+01:00', false],
    ['2026-11-28T23:00:00+01:00', true],
    ['2026-11-29T01:59:59+01:00', true],
    ['2026-11-29T02:00:00+01:00', false],
    ['2026-11-29T23:30:00+01:00', false],
    ['2026-11-28T00:30:00+01:00', false],
  ])('a range over midnight belongs to the day on which it began: %s is %s', (at, isActive) => {
    expect(first(night, of('x'), Date.parse(at)).isAdmitted).toBe(!isActive)
  })

  test.each([
    ['a plain night', '2026-11-28T23:30:00+01:00', '2026-11-29T02:00:00+01:00'],
    ['a night in which clocks go back', '2026-10-24T23:30:00+02:00', '2026-10-25T02:00:00+02:00'],
    ['a night in which clocks go forward', '2026-03-28T23:30:00+01:00', '2026-03-29T03:00:00+02:00'],
  ])('Retry-After is the end: %s', (_, at, end) => {
    const { retryAfter, status } = first(night, of('x'), Date.parse(at))
    expect(status).toBe(429)
    expect(retryAfter).toBe((Date.parse(end) - Date.parse(at)) / 1000)
  })

  test('where one range ends and another has begun, the end is that of the other', () => {
    const text = active(
      "{ days: [mon], from: '10:00', to: '12:00' }, { days: [mon], from: '11:00', to: '13:00' }, { days: [mon], from: '13:00', to: '24:00' }",
    )
    const { retryAfter } = first(text, of('x'), Date.parse('2026-11-30T10:30:00Z'))
    expect(retryAfter).toBe(13.5 * 3_600)
  })

  test('a range that never ends has no date', () => {
    const days = '[mon, tue, wed, thu, fri, sat, sun]'
    const text = active(`{ days: ${days}, from: '00:00', to: '24:00' }`)
    expect(first(text, of('x')).retryAfter).toBeUndefined()
  })

  test('the end is the first instant at which the schedule does not hold', () => {
    const time = fc
      .tuple(fc.nat(23), fc.constantFrom(0, 15, 30, 45))
      .map(([h, m]) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`)
    const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'America/Sao_Paulo')
    const range = fc.tuple(time, time, zone).filter(([from, to]) => from !== to)
    const instant = fc.integer({ min: Date.parse('2024-01-01T00:00:00Z') / 60_000, max: Date.parse('2028-01-01T00:00:00Z') / 60_000 })
    fc.assert(
      fc.property(
        range,
        instant,
        fc.uniqueArray(fc.constantFrom('mon', 'wed', 'sat', 'sun'), { minLength: 1 }),
        ([from, to, timeZone], minute, days) => {
          const text = active(`{ days: [${days.join(', ')}], from: '${from}', to: '${to}', timeZone: ${timeZone} }`)
          const now = minute * 60_000
          const verdict = first(text, of('x'), now)
          if (verdict.isAdmitted) return
          const end = now + (verdict.retryAfter as number) * 1_000
          expect(first(text, of('x'), end).isAdmitted).toBe(true)
          for (const part of [0.25, 0.5, 0.9]) {
            const between = now + Math.floor(((end - now) * part) / 60_000) * 60_000
            expect(first(text, of('x'), between).isAdmitted).toBe(false)
          }
          expect(first(text, of('x'), end - 60_000).isAdmitted).toBe(false)
        },
      ),
      { numRuns: 60 },
    )
  })
})
