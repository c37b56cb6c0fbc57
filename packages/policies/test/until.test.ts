import { fakeClock } from '@sluice/testing'
import { describe, expect, test } from 'vitest'
import { documentPolicies, Evaluator, type TestRequest } from '../src/index.ts'
import { limit, parsed, withPolicy } from './documents.ts'

const NOW = Date.parse('2026-11-30T12:00:00Z')
const UNTIL = '2026-11-30T13:00:00Z'
const LATER = '2026-11-30T15:00:00Z'
const HOUR = 3_600
const of = (client: string): TestRequest => ({ path: '/', ip: '203.0.113.7', attributes: { client } })

const zero = (who: string, until?: string): string =>
  `{ subject: client, ${who}, limits: { minute: { limit: 0 } }${until === undefined ? '' : `, until: '${until}'`} }`
const tier = (name: string, until?: string): string =>
  `{ subject: client, is: acme, tier: ${name}${until === undefined ? '' : `, until: '${until}'`} }`
const tiers = `tiers: { free: [${limit()}], blocked: [${limit().replace('limit: 3', 'limit: 0')}] }`

// The name of a case, its document, and the seconds of Retry-After for the client acme.
const cases: readonly (readonly [name: string, text: string, retryAfter: number | undefined])[] = [
  ['the until of the override', withPolicy(`overrides: [${zero('is: acme', UNTIL)}]`), HOUR],
  ['none of an override without until', withPolicy(`overrides: [${zero('is: acme')}]`), undefined],
  ['the until of a tier with a limit of 0', withPolicy(`overrides: [${tier('blocked', UNTIL)}]`, tiers), HOUR],
  ['none of a tier without until', withPolicy(`overrides: [${tier('blocked')}]`, tiers), undefined],
  [
    'the later until, where the next override is 0 as well',
    withPolicy(`overrides: [${zero('is: acme', UNTIL)}, ${zero('startsWith: ac', LATER)}]`),
    3 * HOUR,
  ],
  [
    'the until of the first, where the next override is not 0',
    withPolicy(`overrides: [${zero('is: acme', UNTIL)}, ${zero('startsWith: ac', LATER).replace('limit: 0', 'limit: 2')}]`),
    HOUR,
  ],
  [
    'the until of the first, where the next one exempts',
    withPolicy(`overrides: [${zero('is: acme', UNTIL)}, { subject: client, startsWith: ac, exempt: true }]`),
    HOUR,
  ],
  ['none, where the rule is 0 as well', withPolicy(`overrides: [${zero('is: acme', UNTIL)}]`).replace('limit: 3', 'limit: 0'), undefined],
  [
    'the end of the schedule, where that is sooner',
    withPolicy(`active: { until: '${UNTIL}' }\n    overrides: [${zero('is: acme', LATER)}]`),
    HOUR,
  ],
]

describe('Retry-After of a limit of 0 that an override gives', () => {
  test.each(cases)('judge: %s', (_, text, retryAfter) => {
    const verdict = new Evaluator(parsed(text)).decide(of('acme'), NOW)
    expect(verdict).toMatchObject({ isAdmitted: false, refusedBy: 'api.minute' })
    expect(verdict.retryAfter).toBe(retryAfter)
  })

  test.each(cases)('live: %s', async (_, text, retryAfter) => {
    const policies = documentPolicies(parsed(text), { clock: fakeClock(NOW) })
    const decision = await policies.check(of('acme'))
    expect(decision.allowed).toBe(false)
    expect(decision.retryAfter).toBe(retryAfter === undefined ? Infinity : retryAfter * 1_000)
  })
})
