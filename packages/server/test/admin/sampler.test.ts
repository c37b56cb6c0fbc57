import type { Decision, DecisionFacts } from '@sluice/core'
import { fakeClock } from '@sluice/testing'
import { expect, test } from 'vitest'
import { visible } from '../../src/admin/live/sample.ts'
import { Sampler } from '../../src/admin/live/sampler.ts'
import { Scopes } from '../../src/admin/scopes.ts'

const FACTS = { how: 'charge', latency: 1_500, route: undefined, method: undefined, tenant: undefined } satisfies DecisionFacts

function decision(change: object = {}): Decision {
  return { policy: 'shop', binding: { name: 'api.minute' }, mode: 'enforce', verdict: 'allowed', source: 'memory', ...change } as Decision
}

function sampler() {
  const clock = fakeClock()
  const made = new Sampler(() => ({ store: { state: 'up' }, instances: 3 }), clock)
  return { clock, made }
}

test('a sample has the decisions of its second by limit and verdict', () => {
  const { clock, made } = sampler()
  for (let i = 0; i < 9; i++) made.decided(decision(), FACTS)
  made.decided(decision({ verdict: 'refused' }), { ...FACTS, latency: 3_000 })
  made.decided(decision(), { ...FACTS, how: 'peek' })
  made.decided(decision({ mode: 'shadow', verdict: 'refused', binding: { name: 'new.day' } }), FACTS)
  made.decided(decision({ mode: 'shadow' }), FACTS)
  clock.advance(1_000)
  const row = { namespace: 'shop', policy: 'api', limit: 'minute' }
  expect(made.history(15)).toEqual([
    {
      at: clock.now(),
      decisions: [
        { ...row, verdict: 'allowed', perSecond: 9 },
        { ...row, verdict: 'refused', perSecond: 1 },
        { namespace: 'shop', policy: 'new', limit: 'day', verdict: 'shadowed', perSecond: 1 },
      ],
      perSecond: 10,
      refusedShare: 0.1,
      latencyMs: { p50: 1.5, p99: 3 },
      store: { state: 'up' },
      instances: 3,
    },
  ])
  clock.advance(1_000)
  expect(made.history(15).at(-1)).toMatchObject({ decisions: [], perSecond: 0, refusedShare: 0, latencyMs: { p50: null, p99: null } })
  made.close()
})

test('15 minutes are kept, and at most 50 rows and the sums of all others', () => {
  const { clock, made } = sampler()
  for (let i = 0; i < 60; i++) for (let n = 0; n <= i; n++) made.decided(decision({ policy: `shop-${i}` }), FACTS)
  clock.advance(1_000)
  const [sample] = made.history(15)
  expect(sample?.decisions).toHaveLength(51)
  expect(sample?.decisions[0]).toMatchObject({ namespace: 'shop-59', perSecond: 60 })
  expect(sample?.decisions.at(-1)).toMatchObject({ namespace: '__other__', verdict: 'allowed', perSecond: 55 })
  expect(sample?.perSecond).toBe(1_830)
  clock.advance(1_000_000)
  expect(made.history(15).length).toBeLessThanOrEqual(900)
  made.close()
})

test('a token sees the rows of its namespaces, and their sums', () => {
  const { clock, made } = sampler()
  made.decided(decision(), FACTS)
  made.decided(decision({ policy: 'other', verdict: 'refused' }), FACTS)
  clock.advance(1_000)
  const [sample] = made.history(15)
  if (sample === undefined) throw new Error('no sample')
  expect(visible(sample, new Scopes('test', ['read:*']))).toBe(sample)
  expect(visible(sample, new Scopes('test', ['read:shop']))).toMatchObject({
    decisions: [{ namespace: 'shop' }],
    perSecond: 1,
    refusedShare: 0,
  })
  made.close()
})
