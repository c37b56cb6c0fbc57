import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { memoryStore } from '@sluice/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { documentPolicies, Evaluator, parseDocument, type PolicyDocument, replay } from '../src/index.ts'
import { FORMATS, type LogFormat, type LoggedRequest, readByExpression } from '../src/replay/formats.ts'
import { limit, parsed, withPolicy } from './documents.ts'

const NEEDS = parseDocument(readFileSync(join(import.meta.dirname, 'samples/needs.yaml'), 'utf8'))
const BY_ADDRESS = parsed(withPolicy('', `limits: [${limit().replace('subject: client', 'subject: address')}]`))
const AT = Date.parse('2026-11-30T08:00:00Z')

const nginx = (path = '/v1/orders', ip = '203.0.113.7', second = 0): string =>
  `${ip} - - [30/Nov/2026:08:00:${String(second).padStart(2, '0')} +0000] "GET ${path} HTTP/1.1" 200 612 "-" "curl/8.5"`

describe('formats', () => {
  test.each([
    ['nginx and Apache', nginx(), { path: '/v1/orders', ip: '203.0.113.7', headers: { 'user-agent': 'curl/8.5' } }],
    [
      'nginx and Apache',
      '203.0.113.7 - ann [30/Nov/2026:09:00:00 +0100] "POST /login HTTP/1.1" 401 0',
      { method: 'POST', attributes: { user: 'ann' } },
    ],
    [
      'nginx and Apache',
      'shop.example.org:443 2001:db8::1 - - [30/Nov/2026:08:00:00 +0000] "GET / HTTP/2.0" 200 1 "-" "a \\"b\\""',
      { ip: '2001:db8::1' },
    ],
    [
      'JSON',
      '{"time_iso8601":"2026-11-30T08:00:00+00:00","remote_addr":"203.0.113.7","request_method":"PUT","request_uri":"/a?b=1"}',
      { method: 'PUT', path: '/a?b=1' },
    ],
    [
      'JSON',
      '{"ts":1796025600.0,"request":{"remote_ip":"203.0.113.7","method":"GET","host":"x.org","uri":"/a"}}',
      { host: 'x.org', path: '/a' },
    ],
    [
      'JSON',
      '{"time":1796025600000,"req":{"method":"GET","url":"/a","remoteAddress":"203.0.113.7"},"attributes":{"client":"acme"}}',
      { attributes: { client: 'acme' } },
    ],
    [
      'ALB',
      'https 2026-11-30T08:00:00.000000Z app/lb/50dc 203.0.113.7:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/a?b HTTP/1.1" "curl/7.46.0" ECDHE TLSv1.2 arn "Root=1-58" "www.example.com" "arn" 1 2026-11-30T08:00:00Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-"',
      { path: '/a?b', host: 'www.example.com', ip: '203.0.113.7' },
    ],
  ])('%s: %s', (name, line, request) => {
    const format = FORMATS.find((each) => each.read(line) !== undefined)
    expect(format?.name).toBe(name)
    expect(format?.read(line)).toMatchObject({ at: AT, request })
  })

  test.each(['', 'hello', '{"a":1}', '{"time":"no","path":"/"}', '- - - [x] "GET / HTTP/1.1" 200 1', '{', 'null', '[]'])(
    '%j is a line of none',
    (line) => {
      expect(FORMATS.filter((format) => format.read(line) !== undefined)).toEqual([])
    },
  )
})

test('lines are read without the expression as it would read them', () => {
  const word = fc.constantFrom('-', 'ann', '203.0.113.7', '2001:db8::1', '', 'a"b', 'x:443', '[x]', 'a\\"b')
  const text = fc.constantFrom('-', '', 'Mozilla/5.0 (X11)', 'a "b', 'a\\"b', '" "', 'a" "b', ']')
  const time = fc.constantFrom(
    '30/Nov/2026:08:00:00 +0000',
    '30/Nov/2026:09:00:00 +0100',
    '30/Nov/2026',
    'x'.repeat(33),
    '30/Nov/2026:08:00:00',
  )
  const request = fc.constantFrom(
    'GET / HTTP/1.1',
    'POST /a?b',
    'GET',
    'get / HTTP/1.1',
    'PURGE /a HTTP/1.0',
    'GET  / x',
    'GET /a"b HTTP/1.1',
    '-',
    '',
  )
  const numbers = fc.constantFrom('200 612', '200 -', '99 1', '200', '200 1 2', '404 0 ')
  const rest = fc.oneof(
    fc.constant(''),
    fc.tuple(text, text).map(([referer, agent]) => ` "${referer}" "${agent}"`),
    fc.tuple(text, text, text).map(([referer, agent, more]) => ` "${referer}" "${agent}" ${more}`),
    text.map((referer) => ` "${referer}"`),
  )
  let read = 0
  fc.assert(
    fc.property(fc.option(word), word, word, word, time, request, numbers, rest, (host, ip, ident, user, at, asked, status, more) => {
      const line = `${host === null ? '' : `${host} `}${ip} ${ident} ${user} [${at}] "${asked}" ${status}${more}`
      const found = FORMATS[0]?.read(line)
      expect(found, line).toEqual(readByExpression(line))
      read += Number(found !== undefined)
    }),
    { numRuns: 5_000 },
  )
  expect(read).toBeGreaterThan(50)
})

test('a log is decided request by request, each at its time', async () => {
  const lines = [0, 1, 2, 3, 4].map((second) => nginx('/', '203.0.113.7', second)).concat(nginx('/', '203.0.113.8', 4))
  expect(await replay(lines, BY_ADDRESS)).toEqual({
    format: 'nginx and Apache',
    requests: 6,
    limited: 6,
    refused: 2,
    from: AT,
    to: AT + 4_000,
    limits: [{ limit: 'api.minute', asked: 6, refused: 2 }],
    shadowed: [],
    top: [{ limit: 'api.minute', subject: '203.0.113.7', refused: 2 }],
    smallest: [],
  })
})

test('a policy in shadow refuses nothing, and is reported', async () => {
  const shadow = parsed(withPolicy('mode: shadow', `limits: [${limit().replace('subject: client', 'subject: address')}]`))
  const report = await replay(
    [0, 1, 2, 3, 4].map((second) => nginx('/', '203.0.113.7', second)),
    shadow,
  )
  expect(report).toMatchObject({ refused: 0, shadowed: [{ limit: 'api.minute', refused: 2 }] })
})

test.each([
  ['a stream', (text: string) => text.match(/[\s\S]{1,40}/g) ?? [], '\n'],
  ['one piece', (text: string) => [text], '\n'],
  ['lines of Windows', (text: string) => text.match(/[\s\S]{1,97}/g) ?? [], '\r\n'],
])('the text of a log comes in pieces: %s', async (_, pieces, separator) => {
  const lines = Array.from({ length: 30 }, (_, i) => nginx('/', `203.0.113.${i % 3}`, Math.floor(i / 2)))
  const expected = await replay(lines, BY_ADDRESS)
  for (const end of ['', separator]) {
    const text = lines.join(separator) + end
    const found = pieces(text)
    // The first piece decides, and a stream's has thousands of characters.
    const first = found.findIndex((__, i) =>
      found
        .slice(0, i + 1)
        .join('')
        .includes('\n'),
    )
    expect(await replay([found.slice(0, first + 1).join(''), ...found.slice(first + 1)], BY_ADDRESS)).toEqual(expected)
  }
})

test.each([
  [
    'in the middle',
    [nginx(), nginx(), 'hello'],
    /^access\.log: line 3: expected a line of an access log \(nginx and Apache\), got "hello"/,
  ],
  ['of no format', ['hello'], /line 1: expected a line of an access log \(nginx and Apache, JSON, ALB\), got "hello"/],
  ['of another format', [nginx(), '{"time":1796025600000,"path":"/"}'], /line 2: expected a line of an access log \(nginx and Apache\)/],
])('a line %s is refused with its number', async (_, lines, message) => {
  const failed = replay(lines, BY_ADDRESS, { source: 'access.log' })
  await expect(failed).rejects.toThrow(message)
  await expect(failed).rejects.toThrow('ERR_LOG_INVALID')
})

describe('the verdicts are those of the same requests, decided live', () => {
  /** How many requests a process refuses that decides them one by one, on a clock that is set. */
  async function refusedLive(document: PolicyDocument, lines: readonly string[]): Promise<number> {
    let now = 0
    const clock = { now: () => now }
    const live = documentPolicies(document, { store: memoryStore({ clock }), clock, on: { warning: () => undefined } })
    const format = FORMATS.find((each) => each.read(lines[0] ?? '') !== undefined) as LogFormat
    let refused = 0
    for (const line of lines) {
      const { at, request } = format.read(line) as LoggedRequest
      now = Math.max(now, at)
      // Without a subject that is needed, it is refused as well.
      const isAdmitted = await Promise.resolve(live.check(request)).then(
        ({ allowed }) => allowed,
        () => false,
      )
      if (!isAdmitted) refused += 1
    }
    return refused
  }

  test.each([
    ['IPv4', (i: number) => `203.0.113.${i % 7}`],
    ['IPv6, of which a network is one client', (i: number) => `2001:db8:0:${i % 7}00::${i % 50}`],
    ['both', (i: number) => (i % 2 === 0 ? `198.51.100.${i % 5}` : `::ffff:198.51.100.${i % 5}`)],
  ])('nginx, %s', async (_, addressOf) => {
    const lines = Array.from({ length: 3_000 }, (__, i) =>
      nginx(['/v1/a', '/search', '/LOGIN/', '/healthz', '/export', '/t/x'][i % 6], addressOf(i), Math.floor(i / 60)),
    )
    const report = await replay(lines, NEEDS)
    expect(report.refused).toBe(await refusedLive(NEEDS, lines))
    expect(report.refused).toBeGreaterThan(100)
  })

  // A client may have the name of an address, or of what stands for one.
  const names = ['acme', '203.0.113.1', '~ip:203.0.113.1', '~~ip:203.0.113.1', '=\u0001', '203.0.113.1 2', 17, undefined]
  test.each([1, 2, 3])('JSON, clients with odd names, %i', async (seed) => {
    const lines = Array.from({ length: 2_000 }, (_, i) => {
      const pick = Math.imul(i + seed, 0x9e3779b1) >>> 8
      const attributes = { client: names[pick % names.length], plan: ['free', 'pro', 'none'][pick % 3], tenant: `t${pick % 2}` }
      const path = ['/v1/a', '/search', '/t/x', '/export', '/graphql'][pick % 5]
      return JSON.stringify({ time: AT + i * 20, path, ip: `203.0.113.${pick % 3}`, method: 'POST', attributes })
    })
    const report = await replay(lines, NEEDS)
    expect(report.refused).toBe(await refusedLive(NEEDS, lines))
    expect(report.refused).toBeGreaterThan(100)
    const evaluator = new Evaluator(NEEDS)
    const json = FORMATS[1] as LogFormat
    const refused = lines.filter((line) => {
      const { at, request } = json.read(line) as LoggedRequest
      return !evaluator.decide(request, at).isAdmitted
    })
    expect(report.refused).toBe(refused.length)
  })
})

test('a limit of requests at once refuses nothing in a log, which has no durations', async () => {
  const running = parsed(withPolicy('', `limits: [{ name: running, algorithm: concurrency, limit: 1, ttl: 1h, subject: address }]`))
  const lines = [0, 1, 2].map((second) => nginx('/', '203.0.113.7', second))
  expect(await replay(lines, running)).toMatchObject({ requests: 3, refused: 0 })
  const none = parsed(withPolicy('', `limits: [{ name: running, algorithm: concurrency, limit: 0, ttl: 1h, subject: address }]`))
  expect(await replay(lines, none)).toMatchObject({ requests: 3, refused: 3 })
})

test('progress is reported, and empty lines are none', async () => {
  const seen: number[] = []
  async function* lines(): AsyncGenerator<string> {
    for (let i = 0; i < 250_000; i++) yield ''
  }
  const report = await replay(lines(), NEEDS, { progress: (count) => seen.push(count) })
  expect(seen).toEqual([100_000, 200_000])
  expect(report).toMatchObject({ requests: 0, from: undefined, to: undefined, format: undefined })
})

describe('the smallest limit under a share', () => {
  const lines = Array.from({ length: 400 }, (_, i) => nginx('/', `203.0.113.${(i * i) % 7}`, Math.floor(i / 20)))

  test.each([
    ['slidingWindow, window: 10s', 1],
    ['slidingLog, window: 10s', 5],
    ['fixedWindow, window: 10s', 0],
    ['tokenBucket, window: 10s', 2.5],
    ['leakyBucket, window: 10s', 20],
  ])('%s, %s %%: one less refuses more', async (algorithm, under) => {
    const withLimit = (number: number) =>
      parsed(withPolicy('', `limits: [{ name: minute, algorithm: ${algorithm}, limit: ${number}, subject: address }]`))
    const refusedWith = async (number: number): Promise<number> => (await replay(lines, withLimit(number))).refused
    const { smallest } = await replay(lines, withLimit(3), { under })
    expect(smallest).toMatchObject([{ limit: 'api.minute', current: 3, requests: 400 }])
    const found = smallest[0]?.smallest ?? 0
    const allowed = (lines.length * under) / 100
    expect(found).toBeGreaterThan(1)
    expect(await refusedWith(found)).toBeLessThanOrEqual(allowed)
    expect(await refusedWith(found - 1)).toBeGreaterThan(allowed)
  })

  test('no number is enough where the burst is too small', async () => {
    const burst = parsed(
      withPolicy('', `limits: [{ name: minute, algorithm: tokenBucket, limit: 3, window: 1h, burst: 1, subject: address }]`),
    )
    const atOnce = Array.from({ length: 50 }, () => nginx())
    expect((await replay(atOnce, burst, { under: 1 })).smallest).toEqual([
      { limit: 'api.minute', current: 3, requests: 50, smallest: undefined },
    ])
  })

  test('requests with the number of an override, and a limit of 0, are not searched', async () => {
    const text = withPolicy(
      `overrides: [{ subject: client, is: acme, limits: { minute: { limit: 1 } } }]`,
      `limits: [${limit()}, { name: closed, algorithm: fixedWindow, window: 1m, limit: 0, subject: client }]`,
    )
    const of = (client: string): string => JSON.stringify({ time: AT, path: '/', ip: '203.0.113.7', attributes: { client } })
    const { smallest } = await replay([of('acme'), of('globex')], parsed(text), { under: 0 })
    expect(smallest).toEqual([{ limit: 'api.minute', current: 3, requests: 1, smallest: 1 }])
  })

  test.each([-1, 101, Number.NaN])('a share of %s is refused', async (under) => {
    await expect(replay(lines, BY_ADDRESS, { under })).rejects.toThrow('replay: under: expected a share in percent, from 0 to 100')
  })
})
