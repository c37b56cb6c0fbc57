import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fakeClock } from '@sluice/testing'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  type ClientRow,
  type FeedOptions,
  parseCeilings,
  policyFeed,
  type PolicyFeed,
  PolicyError,
  type PolicySource,
  type Problem,
  type SourceEvent,
} from '../src/index.ts'
import { Ceiling } from '../src/checks/ceilings.ts'
import { limit, parsed, withPolicy } from './documents.ts'

function ceilings(spec: string, revision = 1): string {
  return `apiVersion: sluice/v1\nkind: ceilings\nrevision: ${revision}\nnamespaces:\n  shop: ${spec}\n`
}

function problemsOf(text: string): readonly Problem[] {
  try {
    parseCeilings(text)
    return []
  } catch (error) {
    if (error instanceof PolicyError) return error.problems
    throw error
  }
}

/** What of a document exceeds the ceilings of its namespace. */
function exceeding(spec: string, document: string): readonly string[] {
  const ceiling = new Ceiling(parseCeilings(ceilings(spec)).namespaces['shop'] ?? {})
  return ceiling.findingsOf(parsed(document)).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('a document of ceilings', () => {
  test('is read, from YAML and JSON', () => {
    const read = parseCeilings(ceilings('{ rates: [{ limit: 100, window: 1m }], overrides: 5 }'))
    expect(read).toMatchObject({ kind: 'ceilings', revision: 1, namespaces: { shop: { overrides: 5 } } })
    expect(parseCeilings(JSON.stringify(read))).toEqual(read)
  })

  test.each([
    ['{ rates: [] }', 'namespaces.shop.rates', 'expected at least 1 entry'],
    ['{ rates: [{ limit: 1, window: 367d }] }', 'namespaces.shop.rates[0].window', 'expected whole milliseconds from 1 to 31622400000'],
    ['{ rates: [{ limit: 1, window: 1m }, { limit: 2, window: 60s }] }', 'namespaces.shop.rates[1].window', 'expected each window once'],
    ['{ rates: [{ limit: 1, window: month }] }', 'namespaces.shop.rates[0].window', 'expected a duration'],
    ['{ failMode: soft }', 'namespaces.shop.failMode', 'expected open, local or closed'],
    ['{ policies: 201 }', 'namespaces.shop.policies', 'expected 200 or less'],
    ['{ rate: 1 }', 'namespaces.shop.rate', 'expected no field "rate" here'],
  ])('%s is refused', (spec, path, message) => {
    expect(problemsOf(ceilings(spec))).toEqual([
      expect.objectContaining({ path, line: 5, message: expect.stringContaining(message) as string }),
    ])
  })

  test('is no document of policies, and the other way round', () => {
    expect(() => parsed(ceilings('{}'))).toThrow('kind: expected no field "kind" here')
    expect(problemsOf(withPolicy('')).map(({ path }) => path)).toContain('kind')
  })
})

describe('rates', () => {
  const one = (fields: string): string => withPolicy('', `limits: [{ name: some, subject: client, ${fields} }]`)
  const AT = 'policies.0.rules.0.limits.0'
  // 10 a second, 100 a minute, 10,000 a day.
  const spec = '{ rates: [{ limit: 10000, window: 1d }, { limit: 10, window: 1s }, { limit: 100, window: 1m }], concurrency: 5 }'
  test.each([
    ['algorithm: slidingWindow, window: 1s', 10],
    ['algorithm: slidingWindow, window: 500ms', 5],
    ['algorithm: slidingWindow, window: 5s', 50],
    ['algorithm: slidingWindow, window: 20s', 100],
    ['algorithm: slidingWindow, window: 1m', 100],
    ['algorithm: slidingLog, window: 61s', 101],
    ['algorithm: fixedWindow, window: 1h', 6_000],
    ['algorithm: fixedWindow, window: 1d', 10_000],
    ['algorithm: fixedWindow, window: 2d', 20_000],
    ['algorithm: fixedWindow, window: day, timeZone: Europe/Berlin', 10_000],
    ['algorithm: fixedWindow, window: month', 280_000],
    ['algorithm: fixedWindow, window: year, anchor: { month: 4 }', 3_650_000],
    ['algorithm: tokenBucket, window: 1m, burst: 100', 100],
    ['algorithm: leakyBucket, window: 1s', 10],
    ['algorithm: concurrency, ttl: 1m', 5],
  ])('%s: at most %i', (fields, most) => {
    // A log has a bound of its own.
    const text = (units: number): string => one(`${fields}, limit: ${units}`)
    expect(exceeding(spec, text(most))).toEqual([])
    expect(exceeding(spec, text(most + 1))).toEqual([
      `${AT}.limit: expected at most ${most}, by the ceilings of the namespace, got ${most + 1}`,
    ])
  })

  test('a burst is a number of its window', () => {
    expect(exceeding(spec, one('algorithm: tokenBucket, window: 1m, limit: 100, burst: 101'))).toEqual([
      `${AT}.burst: expected at most 100, by the ceilings of the namespace, got 101`,
    ])
  })

  test('overrides, and the limits of tiers', () => {
    const text = withPolicy(
      'overrides: [{ subject: client, is: acme, limits: { minute: { limit: 101 } } }, { subject: client, is: b, limits: { minute: { limit: 100 } } }]',
      `tiers: { free: [${limit()}], pro: [${limit().replace('limit: 3', 'limit: 500')}] }`,
    )
    expect(exceeding(spec, text)).toEqual([
      'policies.0.rules.0.tiers.pro.0.limit: expected at most 100, by the ceilings of the namespace, got 500',
      'policies.0.overrides.0.limits.minute.limit: expected at most 101'.replace('101', '100, by the ceilings of the namespace, got 101'),
    ])
  })

  test('a limit of 0 exceeds nothing, and without rates any number is allowed', () => {
    expect(exceeding('{ rates: [{ limit: 0, window: 1m }] }', one('algorithm: slidingWindow, window: 1m, limit: 0'))).toEqual([])
    expect(exceeding('{ concurrency: 0 }', one('algorithm: slidingWindow, window: 1m, limit: 1000000'))).toEqual([])
  })
})

describe('what else has a ceiling', () => {
  const second = `  - name: other\n    rules: [{ name: all, limits: [${limit()}] }]\n`
  const exempt = withPolicy('overrides: [{ subject: client, is: acme, exempt: true }]')
  test.each([
    ['{ policies: 1 }', `${withPolicy('')}${second}`, 'policies: expected at most 1 policies in all, by the ceilings, got 2'],
    ['{ rules: 1 }', `${withPolicy('')}${second}`, 'policies: expected at most 1 rules in all, by the ceilings, got 2'],
    ['{ overrides: 0 }', exempt, 'policies: expected at most 0 overrides in all, by the ceilings, got 1'],
    ['{ failMode: local }', withPolicy('failMode: open'), 'policies.0.failMode: expected local or closed, by the ceilings, got open'],
    ['{ failMode: closed }', withPolicy(''), 'policies.0.failMode: expected closed, by the ceilings, got local'],
    ['{ unlimited: false }', exempt, 'policies.0.overrides.0.exempt: expected no exemption, by the ceilings'],
    [
      '{ unlimited: false }',
      withPolicy('', 'limits: []'),
      'policies.0.rules.0.limits: expected at least one limit, by the ceilings, got an empty list',
    ],
    [
      '{ unlimited: false }',
      withPolicy('', `tiers: { free: [${limit()}], pro: [] }`),
      'policies.0.rules.0.tiers.pro: expected at least one limit, by the ceilings, got an empty list',
    ],
  ])('%s', (spec, text, message) => {
    expect(exceeding(spec, text)).toEqual([message])
    expect(exceeding('{}', text)).toEqual([])
  })
})

/** A source that a test drives. */
class Driven implements PolicySource {
  readonly name: string
  texts: Record<string, string> = {}
  failure: Error | undefined
  emit: ((event: SourceEvent) => void) | undefined

  constructor(name: string) {
    this.name = name
  }

  load() {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    return Promise.resolve({ documents: Object.entries(this.texts).map(([key, text]) => ({ key, text })) })
  }

  watch(_: string | undefined, emit: (event: SourceEvent) => void, signal: AbortSignal): Promise<void> {
    this.emit = emit
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
  }

  put(text: string, key = 'a'): void {
    this.emit?.({ type: 'put', key, text })
  }
}

function revision(number: number, units: number): string {
  return withPolicy('').replace('revision: 7', `revision: ${number}`).replace('limit: 3', `limit: ${units}`)
}

const perMinute = (units: number, number = 1): string => ceilings(`{ rates: [{ limit: ${units}, window: 1m }] }`, number)

let source: Driven
let operator: Driven
let warnings: { code: string; message: string }[]
beforeEach(() => {
  source = new Driven('documents')
  operator = new Driven('operator')
  warnings = []
})

async function started(options: Partial<FeedOptions> = {}): Promise<PolicyFeed> {
  const feed = await policyFeed({
    source,
    ceilings: operator,
    startTimeout: 200,
    on: { warning: (warning) => warnings.push(warning) },
    ...options,
  })
  onTestFinished(() => feed.close())
  return feed
}

const codes = (): readonly string[] => warnings.map(({ code }) => code)

describe('a feed with ceilings', () => {
  test('refuses a document that exceeds them, whole, with line and reason; the last good one stays', async () => {
    operator.texts = { c: perMinute(100) }
    source.texts = { a: revision(1, 100) }
    const feed = await started()
    const text = revision(2, 101)
    for (let i = 0; i < 3; i++) source.put(text)
    expect(feed.document('shop')?.revision).toBe(1)
    expect(codes()).toEqual(['ERR_POLICY_INVALID'])
    const line = text.split('\n').findIndex((each) => each.includes('limit: 101')) + 1
    expect(warnings[0]?.message).toContain(
      `line ${line}, column ${(text.split('\n')[line - 1]?.indexOf('limit: 101') ?? 0) + 1}: policies[0].rules[0].limits[0].limit: expected at most 100, by the ceilings of the namespace, got 101`,
    )
    source.put(revision(3, 99))
    expect(feed.document('shop')?.revision).toBe(3)
    expect(feed.health()).toMatchObject({ problem: undefined, ceilings: 1 })
  })

  test('of a document: the same, without a source', async () => {
    source.texts = { a: revision(1, 100) }
    const feed = await started({ ceilings: parseCeilings(perMinute(100)) })
    source.put(revision(2, 101))
    expect(feed.document('shop')?.revision).toBe(1)
    expect(feed.health().ceilings).toBe(1)
  })

  test('those of * are for the other namespaces', async () => {
    operator.texts = { c: `${perMinute(100)}  '*': { rates: [{ limit: 5, window: 1m }] }\n` }
    source.texts = { a: revision(1, 100) }
    const feed = await started()
    const other = (text: string): string => text.replace('namespace: shop', 'namespace: other')
    source.put(other(revision(1, 6)), 'b')
    expect(feed.document('other')).toBeUndefined()
    source.put(other(revision(2, 5)), 'b')
    expect(feed.document('other')?.revision).toBe(2)
  })

  test('raised ceilings let a refused document in, at once', async () => {
    operator.texts = { c: perMinute(100) }
    source.texts = { a: revision(1, 100) }
    const feed = await started()
    source.put(revision(2, 200))
    expect(feed.document('shop')?.revision).toBe(1)
    operator.put(perMinute(200, 2), 'c')
    expect(feed.document('shop')?.revision).toBe(2)
    expect(feed.health()).toMatchObject({ problem: undefined, ceilings: 2 })
  })

  test('a refused document that is gone, or replaced, does not come back', async () => {
    operator.texts = { c: perMinute(100) }
    source.texts = { a: revision(1, 100) }
    const feed = await started()
    source.put(revision(2, 200))
    source.put(revision(3, 50))
    source.put(revision(4, 300))
    source.emit?.({ type: 'missing', key: 'a' })
    operator.put(perMinute(1_000, 2), 'c')
    expect(feed.document('shop')?.revision).toBe(3)
  })

  test('lowered ceilings leave what is in force, and say so once', async () => {
    operator.texts = { c: perMinute(100) }
    source.texts = { a: revision(1, 100) }
    const feed = await started()
    operator.put(perMinute(50, 2), 'c')
    operator.put(perMinute(50, 2), 'c')
    expect(feed.document('shop')?.revision).toBe(1)
    expect(codes()).toEqual(['WARN_POLICY_CEILING'])
    expect(warnings[0]?.message).toContain('policies[0].rules[0].limits[0].limit: expected at most 50')
    source.put(revision(2, 60))
    expect(feed.document('shop')?.revision).toBe(1)
    source.put(revision(3, 50))
    expect(feed.document('shop')?.revision).toBe(3)
    expect(feed.health().problem).toBeUndefined()
  })

  test('lower revisions, forks and bad ones of ceilings are ignored; what is gone stays', async () => {
    operator.texts = { c: perMinute(100, 5) }
    source.texts = { a: revision(1, 100) }
    const feed = await started()
    operator.put(perMinute(1_000, 4), 'c')
    operator.put(perMinute(1_000, 5), 'c')
    operator.put(perMinute(-1, 6), 'c')
    operator.emit?.({ type: 'missing', key: 'c' })
    source.put(revision(2, 200))
    expect(feed.document('shop')?.revision).toBe(1)
    expect(codes()).toEqual(['WARN_POLICY_STALE', 'ANOMALY_POLICY_FORK', 'ERR_POLICY_INVALID', 'WARN_POLICY_MISSING', 'ERR_POLICY_INVALID'])
  })

  test('documents of the source cannot be ceilings', async () => {
    operator.texts = { c: perMinute(100) }
    source.texts = { a: revision(1, 100) }
    const feed = await started()
    source.put(perMinute(1_000, 9), 'c')
    source.put(revision(2, 200))
    expect(feed.document('shop')?.revision).toBe(1)
    expect(feed.health().ceilings).toBe(1)
  })
})

describe('the start of a feed with ceilings', () => {
  let cache: string
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'sluice-ceilings-'))
    onTestFinished(() => rm(cache, { recursive: true }))
  })

  test('no document comes into force before them', async () => {
    operator.failure = new Error('refused')
    source.texts = { a: revision(1, 100) }
    await expect(started()).rejects.toThrow(/no document after 200 ms: operator does not answer.*ERR_POLICY_UNAVAILABLE/)
    operator.failure = undefined
    await expect(started()).rejects.toThrow(/operator has no ceilings, so no document of policies comes into force/)
    const feed = await started({ fallback: [parsed(revision(3, 7))] })
    expect(feed.health().namespaces).toMatchObject([{ revision: 3, from: 'fallback' }])
    operator.put(perMinute(100), 'c')
    expect(feed.health().namespaces).toMatchObject([{ revision: 1, from: 'source' }])
    expect(feed.health().problem).toBeUndefined()
  })

  test('the last good ones are kept on disk', async () => {
    operator.texts = { c: perMinute(100) }
    source.texts = { a: revision(1, 100) }
    await (await started({ cache })).close()
    operator.failure = new Error('refused')
    source.texts = { a: revision(2, 101) }
    const feed = await started({ cache })
    expect(feed.health()).toMatchObject({ ceilings: 1, namespaces: [{ revision: 1, from: 'cache' }] })
  })

  test('what the cache has stays in force under lower ones', async () => {
    await writeFile(join(cache, 'shop.policy.yaml'), revision(4, 100))
    operator.texts = { c: perMinute(50) }
    source.texts = { a: revision(4, 100) }
    const feed = await started({ cache })
    expect(feed.document('shop')?.revision).toBe(4)
    expect(codes()).toContain('WARN_POLICY_CEILING')
  })

  test.each([
    [{ kind: 'policies' }, /policyFeed: ceilings: expected what parseCeilings\(\) returns/],
    [{ load: 1 }, /policyFeed: ceilings/],
    [{ kind: 'ceilings', apiVersion: 'sluice/v1', revision: 0, namespaces: {} }, /revision: expected 1 or more, got 0/],
  ])('%j is refused', async (given, message) => {
    await expect(started({ ceilings: given as never })).rejects.toThrow(message)
  })
})

describe('rows of the table of clients', () => {
  const withTable = withPolicy('', `tiers: { free: [${limit()}] }`).replace(
    'attribute: plan, default',
    'attribute: plan, table: clients, default',
  )
  async function limitOf(...rows: readonly ClientRow[]): Promise<readonly [PolicyFeed, (client?: string) => Promise<number | undefined>]> {
    operator.texts = { c: perMinute(100) }
    source.texts = { a: withTable }
    const clients = { name: 'clients', load: () => Promise.resolve(rows) }
    const feed = await started({ clients, clock: fakeClock() })
    const ask = async (client = 'acme'): Promise<number | undefined> => {
      const { charges } = await feed.check({ path: '/', ip: '203.0.113.7', attributes: { client } })
      return charges[0]?.limit.limit
    }
    return [feed, ask]
  }

  test.each([
    [99, 99],
    [5_000, 100],
    [0, 0],
    [{ limit: 5_000, burst: 9 }, 100],
  ])('a number of %j is %i', async (given, expected) => {
    const [, ask] = await limitOf({ client_id: 'acme', limits: { 'api.minute': given } })
    await vi.waitFor(async () => expect(await ask()).toBe(expected))
  })

  test('what is cut is reported, once for each limit', async () => {
    const rows = ['acme', 'globex'].map((client_id) => ({ client_id, limits: { 'api.minute': 5_000, 'api.other': 5_000 } }))
    const [feed, ask] = await limitOf(...rows)
    await vi.waitFor(async () => expect(await ask()).toBe(100))
    await vi.waitFor(async () => expect(await ask('globex')).toBe(100))
    const cut = warnings.filter(({ code }) => code === 'WARN_POLICY_CEILING')
    expect(cut).toHaveLength(1)
    expect(cut[0]?.message).toContain(
      'the row of client "acme": api.minute: expected at most 100, by the ceilings of the namespace, got 5000; it is cut to 100',
    )
    expect(feed.health().problem).toBeUndefined()
  })

  test('a row within the ceilings is not reported', async () => {
    const [, ask] = await limitOf({ client_id: 'acme', limits: { 'api.minute': 100 } })
    await vi.waitFor(async () => expect(await ask()).toBe(100))
    expect(warnings).toEqual([])
  })

  test('other ceilings hold from the next request on', async () => {
    const [, ask] = await limitOf({ client_id: 'acme', limits: { 'api.minute': 5_000 } })
    await vi.waitFor(async () => expect(await ask()).toBe(100))
    operator.put(perMinute(700, 2), 'c')
    expect(await ask()).toBe(700)
  })
})
