import { expect, test } from 'vitest'
import type { Rate, Sample } from '../lib/types.ts'
import { byPolicy, byVerdict } from '../pages/overview/rates.ts'

const rate = (policy: string, verdict: Rate['verdict'], perSecond: number): Rate => ({
  namespace: 'shop',
  policy,
  limit: 'minute',
  verdict,
  perSecond,
})
const sample = (at: number, ...decisions: readonly Rate[]): Sample => ({
  at,
  decisions,
  perSecond: 0,
  refusedShare: 0,
  latencyMs: { p50: null, p99: null },
  store: { state: 'up' },
  instances: 1,
})

test('each verdict has its sum in each second', () => {
  const samples = [sample(1000, rate('a', 'allowed', 3), rate('b', 'allowed', 4), rate('b', 'refused', 1)), sample(2000)]
  expect(byVerdict(samples)).toEqual({ allowed: [7, 0], refused: [1, 0], blocked: [0, 0], unavailable: [0, 0] })
})

test('a policy has the mean of the last five seconds, and the busiest comes first', () => {
  const samples = Array.from({ length: 70 }, (_, i) =>
    sample(i * 1000, rate('quiet', 'allowed', 1), rate('busy', 'allowed', i < 65 ? 100 : 8), rate('busy', 'blocked', 2)),
  )
  const [busy, quiet] = byPolicy(samples)
  expect(busy).toMatchObject({
    id: 'shop/busy.minute',
    now: { allowed: 8, refused: 0, blocked: 2, unavailable: 0, shadowed: 0 },
    total: 10,
    refusedShare: 0.2,
  })
  expect(busy?.recent).toHaveLength(60)
  expect(quiet).toMatchObject({ policy: 'quiet', total: 1, refusedShare: 0 })
})
