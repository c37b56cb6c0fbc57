import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allowedValues, type Narrowable, Narrowing, Remembered } from '../src/compile/narrowing.ts'
import { compile } from '../src/compile/revision.ts'
import { select, type Selection } from '../src/compile/select.ts'
import type { Match, PolicyDocument, Scalar, TestRequest, Values } from '../src/document.ts'
import { REQUEST_VIEW } from '../src/engine/request-data.ts'

const LIMIT = { name: 'minute', algorithm: 'slidingWindow', limit: 3, window: '1m', subject: 'address', shared: true } as const

/** A document of policies whose rules have these matches. */
function documentOf(policies: readonly (readonly Match[])[], exempt: readonly Match[] = []): PolicyDocument {
  return {
    apiVersion: 'sluice/v1',
    namespace: 'shop',
    revision: 1,
    subjects: { address: { parts: [{ ip: true }] } },
    exempt,
    policies: policies.map((rules, p) => ({
      name: `p${p}`,
      rules: rules.map((match, r) => ({ name: `r${r}`, match, limits: [LIMIT] })),
    })),
  }
}

function selector(document: PolicyDocument): (request: TestRequest) => Selection<TestRequest> {
  const revision = compile<TestRequest>(document, REQUEST_VIEW)
  return (request) => {
    const asked = { context: request, attributes: request.attributes ?? {}, tier: undefined, now: 0 }
    return select(revision, REQUEST_VIEW, asked) as Selection<TestRequest>
  }
}

const rulesOf = ({ isExempt, enforced }: Selection<TestRequest>): readonly string[] =>
  isExempt ? ['exempt'] : enforced.map(({ policy, rule }) => `${policy.name}.${rule.name}`)

const sha256 = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`

// What the reference says of a match, without any index.
const isOne = (given: unknown, value: Scalar): boolean =>
  typeof value === 'string' && value.startsWith('sha256:') ? typeof given === 'string' && value === sha256(given) : value === given

function holds(values: Values, given: unknown): boolean {
  const list = Array.isArray(values) ? (values as readonly Scalar[]) : [values as Scalar]
  const all: readonly unknown[] = Array.isArray(given) ? given : [given]
  return all.some((each) => list.some((value) => isOne(each, value)))
}

function matches({ attributes = {}, methods, paths }: Match, request: TestRequest): boolean {
  if (methods !== undefined && !methods.includes(request.method ?? 'GET')) return false
  if (paths !== undefined && !paths.includes(request.path)) return false
  return Object.entries(attributes).every(([name, values]) => {
    let given: unknown = request.attributes
    for (const step of name.split('.')) {
      given =
        typeof given === 'object' && given !== null && Object.hasOwn(given, step) ? (given as Record<string, unknown>)[step] : undefined
    }
    return holds(values, given)
  })
}

function scanned(policies: readonly (readonly Match[])[], exempt: readonly Match[], request: TestRequest): readonly string[] {
  if (exempt.some((match) => matches(match, request))) return ['exempt']
  return policies.flatMap((rules, p) => {
    const r = rules.findIndex((match) => matches(match, request))
    return r < 0 ? [] : [`p${p}.r${r}`]
  })
}

const VALUES: readonly Scalar[] = ['a', 'b', 'c', 'd', '1', 'true', 1, 0, true, false, sha256('a'), sha256('z')]
const value = fc.constantFrom(...VALUES)
const values: fc.Arbitrary<Values> = fc.oneof({ weight: 3, arbitrary: value }, fc.array(value, { minLength: 1, maxLength: 3 }))
const match: fc.Arbitrary<Match> = fc.record(
  {
    attributes: fc.dictionary(fc.constantFrom('kind', 'kind', 'plan', 'user.role', 'region', 'toString'), values, { maxKeys: 3 }),
    methods: fc.constantFrom(['POST'], ['POST', 'PUT']),
    paths: fc.constantFrom(['/a'], ['/b'], ['/a', '/b']),
  },
  { requiredKeys: ['attributes'] },
)
const given = fc.oneof(
  fc.constantFrom<unknown>(...VALUES, 'z', 'x', undefined, null, Number.NaN, {}),
  fc.array(fc.constantFrom<unknown>(...VALUES, 'z', null), { maxLength: 3 }),
)
const request: fc.Arbitrary<TestRequest> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT'),
    path: fc.constantFrom('/a', '/b', '/c'),
    attributes: fc.record({ kind: given, plan: given, user: fc.record({ role: given }), region: given }, { requiredKeys: [] }),
  })
  .map((fields) => ({ ...fields, ip: '203.0.113.7' }))

describe('rules by the values of attributes', () => {
  test('an index finds what a scan of all rules would', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(match, { minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 3 }),
        fc.array(match, { maxLength: 2 }),
        fc.array(request, { minLength: 4, maxLength: 20 }),
        (policies, exempt, requests) => {
          const selected = selector(documentOf(policies, exempt))
          // Twice, since the first requests make what the later ones use.
          for (const each of [...requests, ...requests]) expect(rulesOf(selected(each))).toEqual(scanned(policies, exempt, each))
        },
      ),
      { numRuns: 300 },
    )
  })

  test('the first rule holds, whichever attribute it names', () => {
    const rules = Array.from({ length: 200 }, (_, i): Match => ({ attributes: { [i % 2 === 0 ? 'kind' : 'plan']: `v${i}` } }))
    const selected = selector(documentOf([rules]))
    for (let i = 0; i < 199; i++) {
      const attributes = { [i % 2 === 0 ? 'kind' : 'plan']: `v${i}`, [i % 2 === 0 ? 'plan' : 'kind']: `v${i + 1}` }
      expect(rulesOf(selected({ path: '/', ip: '203.0.113.7', attributes }))).toEqual([`p0.r${i}`])
    }
  })

  // Each combination of values that rules name is remembered, up to a bound.
  test('what is remembered is forgotten before it is too much', () => {
    const named = (name: string, value: number): Narrowable => ({ allowed: allowedValues({ attributes: { [name]: value } }) })
    const others = Array.from({ length: 380 }, (): Narrowable => ({ allowed: undefined }))
    const list = [...Array.from({ length: 120 }, (_, i) => named(i % 2 === 0 ? 'a' : 'b', i >> 1)), ...others]
    let forgotten = 0
    const index = new Narrowing(list, new Remembered(), () => (forgotten += 1))
    index.by({})
    const wrong: unknown[] = []
    for (let i = 0; i < 61 * 61; i++) {
      const attributes = { a: i % 61, b: Math.floor(i / 61) }
      const expected = others.length + Number(attributes.a < 60) + Number(attributes.b < 60)
      if (index.by(attributes).length !== expected) wrong.push(attributes)
    }
    expect(wrong).toEqual([])
    expect(forgotten).toBe(1)
  })

  test('a rule by routes is looked at for any attributes, since it reports a framework without routes', () => {
    const rules = Array.from({ length: 20 }, (_, i): Match => ({ attributes: { kind: `v${i}` }, ...(i === 9 && { routes: ['GET /x'] }) }))
    const revision = compile<TestRequest>(documentOf([rules]), { ...REQUEST_VIEW, route: () => undefined })
    const asked = { context: { path: '/', ip: '203.0.113.7' }, attributes: { kind: 'v19' }, tier: undefined, now: 0 }
    for (let i = 0; i < 3; i++) expect(() => select(revision, REQUEST_VIEW, asked)).toThrow('ERR_POLICY_ROUTE')
  })
})
