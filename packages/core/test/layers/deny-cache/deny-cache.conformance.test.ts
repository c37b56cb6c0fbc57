// A store behind a deny cache keeps the contract, and the cache answers what the store would have.
import {
  type Charge,
  denyCache,
  fixedWindow,
  type Limit,
  memoryStore,
  type Outcome,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from '@sluice/core'
import { fakeClock, storeConformance } from '@sluice/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

storeConformance('denyCache over the memory store', { make: (clock) => denyCache(memoryStore({ clock }), { clock }) })

const limits: readonly Limit[] = [
  fixedWindow({ name: 'fixed', limit: 7, window: 900 }).limit,
  slidingWindow({ name: 'sliding', limit: 7, window: 900 }).limit,
  slidingLog({ name: 'log', limit: 7, window: 900 }).limit,
  tokenBucket({ name: 'token', limit: 7, window: 900, burst: 5 }).limit,
  tokenBucket({ name: 'slow', limit: 7, window: 60_000 }).limit,
]
const step = fc.record({
  wait: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 9_000 }) }, fc.integer({ min: 0, max: 400_000 })),
  subject: fc.constantFrom('a', 'b'),
  costs: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 2 }),
  do: fc.constantFrom('charge', 'charge', 'charge', 'charge', 'charge', 'part', 'force', 'reset', 'refund'),
})

describe('a store behind a deny cache, and the same store without one', () => {
  test('agree on every verdict of a random history; no wait is too short, and no more is left than there is', () => {
    let answered = 0
    const histories = fc.array(step, { minLength: 40, maxLength: 120 })
    fc.assert(
      fc.property(fc.constantFrom(...limits), histories, (limit, steps) => void (answered += replay(limit, steps))),
      { numRuns: 300 },
    )
    expect(answered).toBeGreaterThan(500)
  })
})

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** How many outcomes were the cache's. */
function replay(limit: Limit, steps: readonly Step[]): number {
  const clock = fakeClock()
  const bare = memoryStore({ clock })
  const cached = denyCache(memoryStore({ clock }), { clock })
  let answered = 0
  let back: Charge | undefined
  for (const { wait, subject, costs, do: what } of steps) {
    clock.advance(wait / 1_000)
    const charges = costs.map((cost): Charge => ({ limit, scope: `p+${limit.name}.x`, subject, cost }))
    if (what === 'reset') for (const store of [bare, cached]) void store.reset(charges)
    else if (what === 'refund') for (const store of [bare, cached]) void store.consume(back === undefined ? [] : [back])
    else {
      const options = what === 'part' ? { atLeast: 2 } : what === 'force' ? { how: 'force' as const } : {}
      const truth = bare.consume(charges, options) as readonly Outcome[]
      const cachedOutcomes = cached.consume(charges, options) as readonly (Outcome | undefined)[]
      const receipt = truth[0]?.receipt
      back = receipt === undefined ? undefined : { ...(charges[0] as Charge), cost: -1, receipt }
      answered += expectOneVerdict(cachedOutcomes, truth)
    }
  }
  return answered
}

function expectOneVerdict(answered: readonly (Outcome | undefined)[], truth: readonly Outcome[]): number {
  expect(answered.every((outcome) => outcome?.allowed !== false)).toBe(truth.every(({ allowed }) => allowed))
  return answered.reduce((count, outcome, i) => count + expectNotBetter(outcome, truth[i] as Outcome, answered.length), 0)
}

function expectNotBetter(answered: Outcome | undefined, truth: Outcome, charges: number): number {
  if (answered === undefined) return 0
  if (answered.source === 'memory') {
    expect(answered).toEqual(truth)
    return 0
  }
  expect(answered).toMatchObject({ source: 'deny-cache', at: truth.at, granted: 0, delay: 0, leaseFor: 0, receipt: undefined })
  // Of two charges on one state, the second sees what the first would leave.
  if (charges > 1) return 1
  expect(answered.allowed).toBe(false)
  expect(answered.remaining).toBeLessThanOrEqual(truth.remaining)
  expect(answered.retryAfter).toBeGreaterThanOrEqual(truth.retryAfter)
  expect(answered.resetAfter).toBeGreaterThanOrEqual(truth.resetAfter)
  expect(answered.retryAfter === Infinity).toBe(truth.retryAfter === Infinity)
  return 1
}
