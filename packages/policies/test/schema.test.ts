import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toJsonSchema } from '@valibot/to-json-schema'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { isMap, isScalar, isSeq, parseDocument as parseYaml, stringify } from 'yaml'
import { isSluiceError } from '@sluice/core'
import { parseDocument, PolicyError } from '../src/index.ts'
import { ceilingsSchema } from '../src/ceilings-schema.ts'
import { documentSchema } from '../src/schema.ts'

const FILE = join(import.meta.dirname, '../schema/sluice-v1.json')
const CEILINGS = join(import.meta.dirname, '../schema/sluice-ceilings-v1.json')
const NEEDS = readFileSync(join(import.meta.dirname, 'samples/needs.yaml'), 'utf8')

test.each([
  ['Sluice policy document', documentSchema, FILE],
  ['Sluice ceilings', ceilingsSchema, CEILINGS],
])('the JSON Schema is made from the code that validates: %s', async (title, code, path) => {
  // A number of a document is finite: JSON has no other.
  const schema = toJsonSchema(code, { target: 'draft-2020-12', ignoreActions: ['finite'] })
  const file = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...schema, title }
  await expect(`${JSON.stringify(file, null, 1)}\n`).toMatchFileSnapshot(path)
})

describe('the JSON Schema and the code', () => {
  let accepts: ReturnType<Ajv2020['compile']>
  beforeAll(() => {
    accepts = new Ajv2020({ strict: false }).compile(JSON.parse(readFileSync(FILE, 'utf8')) as object)
  })

  test('the schema accepts the ten needs', () => {
    expect(accepts(parseYaml(NEEDS).toJS()), JSON.stringify(accepts.errors)).toBe(true)
  })

  // 10,000 in `npm run test:all`; 100,000 with SLUICE_FUZZ=1000000.
  const runs = Number(process.env['SLUICE_FUZZ'] ?? 4_000) / 10
  test(`${runs} mutated documents: no crash, and none accepted that the schema refuses`, { timeout: 20_000 + runs * 100 }, () => {
    let accepted = 0
    fc.assert(
      fc.property(fc.array(mutation(), { minLength: 1, maxLength: 3 }), (mutations) => {
        const text = mutations.reduce((changed, mutate) => mutate(changed), SMALL)
        try {
          parseDocument(text)
        } catch (error) {
          if (!(error instanceof PolicyError) || !isSluiceError(error) || error.problems.length === 0) throw error
          return
        }
        accepted += 1
        const value: unknown = parseYaml(text).toJS()
        expect(accepts(value), `${text}\n${JSON.stringify(accepts.errors)}`).toBe(true)
      }),
      { numRuns: runs },
    )
    // Both sides were asked: of 100 mutations, about two leave a valid document.
    expect(accepted).toBeGreaterThan(0)
  })
})

const SMALL = `
apiVersion: sluice/v1
namespace: shop
revision: 7
subjects:
  address: { parts: [{ ip: true }] }
  client: { parts: [{ attribute: client }], missing: address }
tier: { attribute: plan, default: free }
exempt: [{ paths: [/healthz] }, { addresses: [10.0.0.0/8] }]
policies:
  - name: api
    failMode: closed
    active: { weekly: [{ days: [sat], from: '23:00', to: '02:00', timeZone: Europe/Berlin }] }
    rules:
      - name: all
        match: { methods: [POST], paths: ['/v1/*'], attributes: { role: [a, 1] } }
        tiers:
          free: [{ name: minute, algorithm: slidingWindow, limit: 100, window: 1m, subject: client, refundOn: [2xx] }]
          pro: [{ name: minute, algorithm: slidingWindow, limit: 900, window: 1m, subject: client, cost: { body: n, default: 1, max: 9 } }]
    overrides: [{ subject: client, is: acme, limits: { minute: { limit: 5000 } }, until: '2027-01-01T00:00:00Z' }]
  - name: quota
    rules:
      - name: all
        limits:
          - { name: m, algorithm: fixedWindow, limit: 9, window: month, timeZone: UTC, anchor: { day: 15, hour: 6 }, subject: client, label: 9 a month }
          - { name: w, algorithm: fixedWindow, limit: 9, window: week, anchor: { weekday: sun }, subject: client, delay: { after: 1, step: 1s, max: 5s } }
          - { name: h, algorithm: fixedWindow, limit: 9, window: 1h, anchor: first, subject: client }
          - { name: l, algorithm: slidingLog, limit: 9, window: 1h, maxLog: 20, subject: client }
tests: [{ request: { path: /v1/x, ip: 203.0.113.7 }, times: 6, expect: { refusedBy: api.minute, at: 6 } }]
`

type Mutation = (text: string) => string

/** A change of the text, or of the tree that it means. */
function mutation(): fc.Arbitrary<Mutation> {
  const position = fc.nat(SMALL.length)
  const odd = fc.constantFrom(
    '',
    ' ',
    '\n',
    '-',
    '{',
    '[',
    '}',
    ']',
    ':',
    '&a ',
    '*a',
    '!!x ',
    '0',
    '-1',
    '1e400',
    '.nan',
    'null',
    '~',
    '"',
    "'",
    '%',
    '\u0000',
    '\ud800',
    '__proto__: 1\n',
    '<<: {}\n',
    '#',
  )
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>('1m', 'sha256:00', '/a', Infinity, -0, 2 ** 53, '__proto__', {}, []))
  const cut = fc.tuple(position, fc.nat(40)).map(
    ([from, length]): Mutation =>
      (text) =>
        text.slice(0, from) + text.slice(from + length),
  )
  const insert = fc.tuple(position, odd).map(
    ([at, part]): Mutation =>
      (text) =>
        text.slice(0, at) + part + text.slice(at),
  )
  const swap = fc.tuple(fc.nat(400), value).map(
    ([at, changed]): Mutation =>
      (text) =>
        changedNode(text, at, changed),
  )
  return fc.oneof(cut, insert, { arbitrary: swap, weight: 4 })
}

/** The document with its node number `at` replaced. */
function changedNode(text: string, at: number, value: unknown): string {
  const document = parseYaml(text)
  if (document.errors.length > 0) return text
  const paths: (string | number)[][] = []
  const walk = (node: unknown, path: (string | number)[]): void => {
    paths.push(path)
    if (isMap(node)) for (const { key, value } of node.items) walk(value, [...path, isScalar(key) ? String(key.value) : ''])
    if (isSeq(node)) for (const [i, item] of node.items.entries()) walk(item, [...path, i])
  }
  walk(document.contents, [])
  const path = paths[at % paths.length] ?? []
  if (path.length === 0) return stringify(value)
  try {
    document.setIn(path, value)
    return document.toString()
  } catch {
    // An alias to nothing has no text.
    return text
  }
}
