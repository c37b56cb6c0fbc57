import { type Decision, memoryStore } from '@sluice/core'
import { eachUsage, limitNameOf, policyOf } from '@sluice/core/store-kit'
import { documentPolicies, parseDocument } from '@sluice/policies'
import { expect, test } from 'vitest'

type Row = readonly [policy: string, verdict: string, units: number]

function usageOf(decision: Decision): readonly Row[] {
  const rows: Row[] = []
  eachUsage(decision, (policy, verdict, units) => rows.push([policy, verdict, units]))
  return rows
}

const document = parseDocument(`apiVersion: sluice/v1
namespace: shop
revision: 1
subjects: { address: { parts: [{ ip: true }] } }
policies:
  - name: api
    rules:
      - name: all
        limits:
          - { name: minute, algorithm: fixedWindow, limit: 5, window: 1m, subject: address }
          - { name: hour, algorithm: fixedWindow, limit: 9, window: 1h, subject: address }
  - { name: login, rules: [{ name: all, limits: [{ name: hour, algorithm: fixedWindow, limit: 2, window: 1h, subject: address }] }] }
  - name: stricter
    mode: shadow
    rules: [{ name: all, limits: [{ name: hour, algorithm: fixedWindow, limit: 1, window: 1h, subject: address }] }]
`)

test('each policy of a document has its own verdict, and one in shadow adds no request', async () => {
  const heard: Decision[] = []
  const policies = documentPolicies(document, { store: memoryStore(), on: { decision: (decision) => void heard.push(decision) } })
  for (let i = 0; i < 3; i++) await policies.check({ ip: '203.0.113.7', path: '/' })
  await new Promise((resolve) => setTimeout(resolve))
  expect(heard.map(usageOf).toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual([
    [
      ['', 'allowed', 1],
      ['api', 'allowed', 1],
      ['login', 'allowed', 1],
    ],
    [
      ['', 'allowed', 1],
      ['api', 'allowed', 1],
      ['login', 'allowed', 1],
    ],
    [
      ['', 'refused', 1],
      ['api', 'allowed', 1],
      ['login', 'refused', 1],
    ],
    [['stricter', 'allowed', 1]],
    [['stricter', 'refused', 1]],
  ])
  const names = heard.flatMap((decision) => decision.charges.map(({ limit }) => [policyOf(decision, limit), limitNameOf(decision, limit)]))
  expect(names).toContainEqual(['api', 'minute'])
  expect(names).toContainEqual(['stricter', 'hour'])
})
