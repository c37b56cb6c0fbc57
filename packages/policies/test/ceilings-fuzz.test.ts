import fc from 'fast-check'
import { fakeClock } from '@sluice/testing'
import { expect, test } from 'vitest'
import { type CeilingSpec, type ClientRow, parseCeilings, parseDocument, policyFeed, type PolicyDocument } from '../src/index.ts'
import { Ceiling } from '../src/checks/ceilings.ts'

// Random documents, overrides and rows of clients under random ceilings: whatever is accepted, no limit has a larger number than its
// ceiling, and none admits more. What is refused exceeds one.

const LENGTHS = { '500ms': 500, '1s': 1_000, '10s': 10_000, '1m': 60_000, '1h': 3_600_000 } as const
type Length = keyof typeof LENGTHS
const ALGORITHMS = ['slidingWindow', 'slidingLog', 'fixedWindow', 'tokenBucket', 'leakyBucket', 'concurrency'] as const
type Algorithm = (typeof ALGORITHMS)[number]

interface Numbers {
  readonly limit?: number
  readonly burst?: number
}
interface Limit extends Numbers {
  readonly name: string
  readonly algorithm: Algorithm
  readonly window?: Length
}

/** The largest number of a limit, as docs/policies.md says it. */
function bound({ rates = [], concurrency = Infinity }: CeilingSpec, { algorithm, window }: Limit): number {
  if (algorithm === 'concurrency') return concurrency
  const length = LENGTHS[window as Length]
  const all = rates.map((rate) => ({ limit: rate.limit, length: LENGTHS[rate.window as Length] }))
  const [shortest] = all.toSorted((a, b) => a.length - b.length)
  if (shortest === undefined) return Infinity
  const ofRates = all.map((rate) => (length < rate.length ? rate.limit : Math.floor((rate.limit * length) / rate.length)))
  return Math.min(...ofRates, length < shortest.length ? Math.floor((shortest.limit * length) / shortest.length) : Infinity)
}

const length = fc.constantFrom(...(Object.keys(LENGTHS) as Length[]))
const number = fc.oneof(fc.nat(20), fc.nat(400), fc.constantFrom(0, 1, 100, 200))
const limit: fc.Arbitrary<Limit> = fc
  .record({ algorithm: fc.constantFrom(...ALGORITHMS), window: length, limit: number, burst: fc.option(fc.integer({ min: 1, max: 400 })) })
  .map(({ algorithm, window, limit: quantity, burst }) => {
    // Uses of one name agree in algorithm and window.
    if (algorithm === 'concurrency') return { name: 'running', algorithm, ttl: '1h', limit: quantity }
    const hasBurst = burst !== null && (algorithm === 'tokenBucket' || algorithm === 'leakyBucket')
    return { name: `${algorithm}-${window}`, algorithm, window, limit: quantity, ...(hasBurst && { burst }) }
  })
const limits = fc.uniqueArray(limit, { minLength: 1, maxLength: 4, selector: ({ name }) => name })
const numbers: fc.Arbitrary<Numbers> = fc.record({ limit: number, burst: fc.integer({ min: 1, max: 400 }) }, { requiredKeys: ['limit'] })
/** Of a row: often above every ceiling. */
const rowNumbers: fc.Arbitrary<Numbers> = fc.record(
  { limit: fc.nat(20_000), burst: fc.integer({ min: 1, max: 20_000 }) },
  { requiredKeys: ['limit'] },
)
/** Of a ceiling: half of the documents are below all of theirs. */
const ceilingNumber = fc.oneof({ weight: 1, arbitrary: number }, { weight: 6, arbitrary: fc.integer({ min: 300, max: 5_000 }) })
const tenth = fc.nat(9)
const ceilings: fc.Arbitrary<CeilingSpec> = fc.record(
  {
    rates: fc.uniqueArray(fc.record({ limit: ceilingNumber, window: length }), {
      minLength: 1,
      maxLength: 3,
      selector: ({ window }) => window,
    }),
    concurrency: ceilingNumber,
  },
  { requiredKeys: [] },
)
const clients = ['anna', 'ben', 'carl']
const client = fc.constantFrom(...clients)
const request = fc.record({ client, wait: fc.constantFrom(0, 0, 0, 0, 400, 1_000, 9_000, 60_000), units: fc.constantFrom(1, 5, 20, 60) })
const history = fc.record({
  spec: ceilings,
  free: limits,
  pro: limits,
  /** Of which limits, by their position, and for whom. */
  overrides: fc.array(fc.record({ at: tenth, who: fc.oneof(client, fc.constantFrom('an', 'c'), fc.nat(100)), numbers }), { maxLength: 3 }),
  rows: fc.array(fc.record({ client, tier: fc.constantFrom('free', 'pro', null), at: tenth, numbers: rowNumbers }), { maxLength: 4 }),
  requests: fc.array(request, { minLength: 5, maxLength: 40 }),
})

/** Numbers that the algorithm of a limit has. */
function fitting({ algorithm }: Limit, { limit: quantity, burst }: Numbers): Numbers {
  const hasBurst = burst !== undefined && (algorithm === 'tokenBucket' || algorithm === 'leakyBucket')
  return { ...(quantity === undefined ? {} : { limit: quantity }), ...(hasBurst && { burst }) }
}

type History = typeof history extends fc.Arbitrary<infer T> ? T : never

function documentOf({ free, pro, overrides }: History): PolicyDocument {
  const all = [...free, ...pro]
  const written = (list: readonly Limit[]) =>
    list.map((each) => ({
      ...each,
      subject: 'client',
      ...(each.algorithm !== 'concurrency' && { cost: { attribute: 'units', default: 1, max: 1_000 } }),
    }))
  const seen = new Set<unknown>()
  const changes = overrides.flatMap(({ at, who, numbers: given }) => {
    if (seen.has(who)) return []
    seen.add(who)
    const of = all[at % all.length] as Limit
    const whom = typeof who === 'number' ? { percent: who } : clients.includes(who) ? { is: who } : { startsWith: who }
    return [{ subject: 'client', ...whom, limits: { [of.name]: fitting(of, given) } }]
  })
  const document = {
    apiVersion: 'sluice/v1',
    namespace: 'shop',
    revision: 1,
    subjects: { client: { parts: [{ attribute: 'client' }], missing: 'reject' } },
    tier: { attribute: 'plan', table: 'clients', default: 'free' },
    policies: [{ name: 'api', rules: [{ name: 'all', tiers: { free: written(free), pro: written(pro) } }], overrides: changes }],
  }
  return parseDocument(JSON.stringify(document))
}

/** Whether a number of the document is above its ceiling. */
function exceeds({ spec, free, pro }: History, { policies = [] }: PolicyDocument): boolean {
  const all = [...free, ...pro]
  const isAbove = (of: Limit, { limit: quantity = 0, burst = 0 }: Numbers): boolean => Math.max(quantity, burst) > bound(spec, of)
  const changed = (policies[0]?.overrides ?? []).flatMap(({ limits: named = {} }) => Object.entries(named))
  return (
    all.some((each) => isAbove(each, each)) ||
    changed.some(([name, given]) => isAbove(all.find((each) => each.name === name) as Limit, given as Numbers))
  )
}

// 10 times as many in `npm run test:all`.
const runs = Number(process.env['SLUICE_FUZZ'] ?? 10_000) / 50
test(`${runs} documents under ceilings: none admits more`, { timeout: 20_000 + runs * 100 }, async () => {
  let accepted = 0
  let refusals = 0
  let cuts = 0
  await fc.assert(
    fc.asyncProperty(history, async (given) => {
      const { spec, free, pro, rows, requests } = given
      const document = documentOf(given)
      const isRefused = new Ceiling(spec).findingsOf(document).length > 0
      expect(isRefused).toBe(exceeds(given, document))
      if (isRefused) return
      accepted += 1
      const all = [...free, ...pro]
      const table = new Map<string, ClientRow>()
      for (const { client: id, tier, at, numbers: of } of rows) {
        const named = all[at % all.length] as Limit
        table.set(id, { client_id: id, tier, limits: { [`api.${named.name}`]: of } })
      }
      const clock = fakeClock()
      const feed = await policyFeed({
        source: {
          name: 'one',
          load: () => Promise.resolve({ documents: [{ key: 'a', text: JSON.stringify(document) }] }),
          watch: (_, __, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
        },
        ceilings: parseCeilings(JSON.stringify({ apiVersion: 'sluice/v1', kind: 'ceilings', revision: 1, namespaces: { shop: spec } })),
        clients: { name: 'clients', load: (ids) => Promise.resolve(ids.flatMap((id) => table.get(id) ?? [])) },
        clock,
        on: { warning: ({ code }) => (cuts += Number(code === 'WARN_POLICY_CEILING')) },
      })
      const start = clock.now()
      const atOnce = new Map<string, number>()
      const inAll = new Map<string, number>()
      const add = (sums: Map<string, number>, key: string, units: number): number => {
        const sum = (sums.get(key) ?? 0) + units
        sums.set(key, sum)
        return sum
      }
      for (const { client: id, wait, units } of requests) {
        clock.advance(wait)
        const { allowed, charges } = await feed.check({ path: '/', ip: '203.0.113.7', attributes: { client: id, units } })
        refusals += Number(!allowed)
        for (const { limit: used, cost } of charges) {
          const of = all.find(({ name }) => `api.${name}` === used.name) as Limit
          const most = bound(spec, of)
          expect(Math.max(used.limit, used.burst ?? 0), used.name).toBeLessThanOrEqual(most)
          if (!allowed) continue
          const key = `${used.name} ${id}`
          expect(add(atOnce, `${key} ${clock.now()}`, cost), key).toBeLessThanOrEqual(most)
          const windows = of.window === undefined ? 0 : (clock.now() - start) / LENGTHS[of.window]
          expect(add(inAll, key, cost), key).toBeLessThanOrEqual(most * (windows + 2))
        }
      }
      await feed.close()
    }),
    { numRuns: runs },
  )
  // All sides were asked.
  expect(Math.min(accepted, runs - accepted, refusals, cuts)).toBeGreaterThan(0)
})
