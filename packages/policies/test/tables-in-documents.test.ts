import { fakeClock } from '@sluice/testing'
import { describe, expect, test } from 'vitest'
import { type ClientRow, documentPolicies, policyFeed, type PolicySource, type TestRequest } from '../src/index.ts'
import { limit, parsed, problemsOf, withPolicy } from './documents.ts'

const withTable = (text: string): string => text.replace('attribute: plan, default', 'attribute: plan, table: clients, default')
const acme: TestRequest = { path: '/', ip: '203.0.113.7', attributes: { client: 'acme' } }
const tableOf = (row: ClientRow) => ({ name: 'clients', load: () => Promise.resolve([row]) })

describe('tier.table without clients', () => {
  test('is reported once by documentPolicies, whatever revisions come', () => {
    const warnings: { code: string; message: string }[] = []
    const text = withTable(withPolicy(''))
    const policies = documentPolicies(parsed(text), { on: { warning: (warning) => warnings.push(warning) } })
    policies.use(parsed(text.replace('revision: 7', 'revision: 8')))
    expect(warnings).toEqual([
      expect.objectContaining({ code: 'WARN_CLIENT_TABLE', message: expect.stringContaining('the table "clients"') as string }),
    ])
  })

  test('is reported once by a feed, when a document comes that names one', async () => {
    const codes: string[] = []
    let emit: Parameters<PolicySource['watch']>[1] | undefined
    const source: PolicySource = {
      name: 'driven',
      load: () => Promise.resolve({ cursor: '1', documents: [{ key: 'a', text: withPolicy('') }] }),
      watch: (_, given, signal) => {
        emit = given
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
      },
    }
    const feed = await policyFeed({ source, on: { warning: ({ code }) => codes.push(code) } })
    await Promise.resolve()
    expect(codes).toEqual([])
    for (const revision of [8, 9])
      emit?.({ type: 'put', key: 'a', text: withTable(withPolicy('')).replace('revision: 7', `revision: ${revision}`) })
    expect(codes).toEqual(['WARN_CLIENT_TABLE'])
    await feed.close()
  })

  test('is not reported where there is a table', () => {
    const warnings: string[] = []
    const on = { warning: ({ code }: { code: string }) => warnings.push(code) }
    documentPolicies(parsed(withTable(withPolicy(''))), { clients: tableOf({ client_id: 'acme' }), on })
    expect(warnings).toEqual([])
  })
})

test('a row with values that make no sense is reported once, and these are ignored', async () => {
  const warnings: { code: string; message: string }[] = []
  const row = { client_id: 'acme', limits: { 'api.minute': 'many' }, tier: '' }
  const policies = documentPolicies(parsed(withTable(withPolicy('', `tiers: { free: [${limit()}] }`))), {
    clients: tableOf(row),
    clock: fakeClock(),
    on: { warning: (warning) => warnings.push(warning) },
  })
  for (let i = 0; i < 3; i++) expect((await policies.check(acme)).charges[0]?.limit.limit).toBe(3)
  expect(warnings.map(({ code }) => code)).toEqual(['WARN_CLIENT_TABLE'])
  expect(warnings[0]?.message).toContain('the row of client "acme": limits["api.minute"]: expected a whole number, 0 or more, got "many"')
})

// Such a number would fail each request that it is for.
describe('numbers for which a limit is not exact', () => {
  test('of an override are refused, with their line', () => {
    const text = withPolicy(`overrides: [{ subject: client, is: acme, limits: { minute: { limit: ${2 ** 53 - 1} } } }]`)
    expect(problemsOf(text)).toEqual([
      expect.objectContaining({
        path: 'policies[0].overrides[0].limits.minute.limit',
        line: text.split('\n').findIndex((line) => line.includes('overrides')) + 1,
      }),
    ])
  })

  test('of a row of the table are ignored: the tier holds', async () => {
    const text = withTable(withPolicy('', `tiers: { free: [${limit()}] }`))
    const row = { client_id: 'acme', limits: { 'api.minute': 2 ** 53 - 1 } }
    const policies = documentPolicies(parsed(text), { clients: tableOf(row), clock: fakeClock() })
    const decision = await policies.check(acme)
    expect(decision.charges[0]?.limit.limit).toBe(3)
  })
})
