import { expect, test } from 'vitest'
import { limiterOf, parseDocument } from '../src/index.ts'

test('the limits of a document under the names of their states, without policies that are off', () => {
  const document = parseDocument(`
apiVersion: sluice/v1
namespace: shop
revision: 1
tier: { attribute: plan, default: free }
subjects: { address: { parts: [{ ip: true }] } }
policies:
  - name: api
    rules:
      - name: plans
        match: { paths: [/plans] }
        tiers:
          free: [{ name: minute, algorithm: slidingWindow, limit: 1, window: 1m, subject: address }]
          paid: [{ name: minute, algorithm: slidingWindow, limit: 9, window: 1m, subject: address }]
      - { name: all, limits: [{ name: day, algorithm: fixedWindow, limit: 5, window: day, subject: address }] }
  - { name: new, mode: shadow, rules: [{ name: all, limits: [{ name: at-once, algorithm: concurrency, limit: 2, ttl: 1m, subject: address }] }] }
  - { name: old, mode: 'off', rules: [{ name: all, limits: [{ name: hour, algorithm: tokenBucket, limit: 2, window: 1h, subject: address }] }] }
`)
  const { name, limits, tiers } = limiterOf(document)
  const numbersOf = (rules: typeof limits) => rules.map(({ limit }) => `${limit.name} ${limit.limit}`)
  expect(name).toBe('shop')
  expect(numbersOf(limits)).toEqual(['api.day 5', 'new.at-once 2'])
  expect(Object.entries(tiers).map(([tier, rules]) => [tier, numbersOf(rules)])).toEqual([
    ['free', ['api.minute 1']],
    ['paid', ['api.minute 9']],
  ])
})
