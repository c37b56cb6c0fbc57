import { inspect } from 'node:util'
import {
  type Clock,
  concurrency,
  createLimiter,
  type Decision,
  denyCache,
  fixedWindow,
  isSluiceError,
  leakyBucket,
  type LimitRule,
  memoryStore,
  slidingLog,
  slidingWindow,
  type Store,
  tokenBucket,
} from '@sluice/core'
import { fakeClock } from '@sluice/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

/** The start of an hour. */
const START = 1_767_225_600_000
const sliding = slidingWindow({ name: 'sliding', limit: 3, window: '1m' })
const fixed = fixedWindow({ name: 'fixed', limit: 4, window: '1h' })

describe('a decision shows the same fields', () => {
  const store = memoryStore({ clock: fakeClock(START + 10_000) })
  const decision = createLimiter({ limits: [sliding, fixed], store }).consume('u', { cost: 2 }) as Decision
  const slidingOutcome = {
    allowed: true,
    remaining: 1,
    used: 2,
    retryAfter: 0,
    nextAfter: 80_000,
    resetAfter: 110_000,
    delay: 0,
    source: 'memory',
    at: (START + 10_000) * 1_000,
    receipt: `${START}:2`,
    leaseFor: 0,
    granted: 2,
  }
  const fixedOutcome = { ...slidingOutcome, remaining: 2, nextAfter: 3_590_000, resetAfter: 3_590_000 }
  const fields = {
    allowed: true,
    verdict: 'allowed',
    binding: sliding.limit,
    granted: 2,
    remaining: 1,
    retryAfter: 0,
    resetAfter: 110_000,
    resetAt: START + 120_000,
    delay: 0,
    policy: 'default',
    tier: undefined,
    mode: 'enforce',
    source: 'memory',
    charges: [
      { limit: sliding.limit, scope: 'default+sliding.slidingWindow', subject: 'u', cost: 2 },
      { limit: fixed.limit, scope: 'default+fixed.fixedWindow', subject: 'u', cost: 2 },
    ],
    outcomes: [slidingOutcome, fixedOutcome],
  }

  it('when it is read, spread, copied by structuredClone, or inspected', () => {
    expect(decision).toStrictEqual(fields)
    expect({ ...decision }).toStrictEqual(fields)
    expect(Object.keys(decision)).toEqual(Object.keys(fields))
    expect(structuredClone(decision)).toStrictEqual(fields)
    expect(inspect(decision, { depth: 4 })).toBe(inspect(fields, { depth: 4 }))
  })

  it('in JSON, which leaves out what is undefined', () => {
    expect(JSON.stringify(decision)).toBe(JSON.stringify(fields))
    expect(JSON.parse(JSON.stringify(decision))).toEqual(fields)
  })
})

const LIMITS: readonly LimitRule<string>[] = [
  sliding,
  fixed,
  fixedWindow({ name: 'first', limit: 2, window: '1m', anchor: 'first' }),
  slidingLog({ name: 'log', limit: 3, window: '1m' }),
  tokenBucket({ name: 'bucket', limit: 3, window: '1m' }),
  leakyBucket({ name: 'queue', limit: 60, window: '1m', maxDelay: '3s', queue: true }),
  concurrency({ name: 'slow', limit: 2, ttl: '1m' }),
]
const STORES: Readonly<Record<string, (options: { readonly clock: Clock }) => Store>> = {
  roomy: memoryStore,
  full: (options) => memoryStore({ ...options, maxSubjects: 2 }),
  refusing: (options) => memoryStore({ ...options, maxSubjects: 2, overflow: 'deny' }),
  cached: (options) => denyCache(memoryStore(options), options),
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      call: fc.constantFrom('consume' as const, 'consume' as const, 'peek' as const, 'penalize' as const),
      limiter: fc.nat(),
      subject: fc.constantFrom('a', 'b', 'c', 'x'.repeat(300)),
      cost: fc.constantFrom(undefined, undefined, 0, 2, 5),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      call: fc.constantFrom('refund' as const, 'settle' as const, 'release' as const, 'renew' as const),
      of: fc.nat(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('reset' as const), limiter: fc.nat(), subject: fc.constantFrom('a', 'b') }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('wait' as const), ms: fc.constantFrom(1, 1_000, 20_000, 130_000, -3_000) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
const history = fc.record({
  store: fc.constantFrom(...Object.keys(STORES)),
  policies: fc.array(fc.subarray([...LIMITS.keys()], { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 2 }),
  steps: fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
})

/** A copy of a decision, and the texts that show it. */
function viewOf(decision: Decision) {
  const texts = [JSON.stringify(decision), inspect(decision, { depth: 4 }), JSON.stringify({ ...decision })]
  return { copy: structuredClone(decision), texts }
}

describe('a decision keeps its fields', () => {
  it('whatever is decided after it', async () => {
    let kept = 0
    await fc.assert(
      fc.asyncProperty(history, async ({ store: storeName, policies, steps }) => {
        const clock = fakeClock(START)
        const store = STORES[storeName]?.({ clock })
        const made: { readonly decision: Decision; readonly view: ReturnType<typeof viewOf> }[] = []
        const observed = new Set<Decision>()
        const limiters = policies.map((limits, i) =>
          createLimiter({
            name: `policy${i}`,
            limits: limits.map((at) => LIMITS[at] as LimitRule<string>),
            store,
            on: { decision: (decision) => void observed.add(decision), warning: () => undefined },
          }),
        )
        const run = (each: Step): void => {
          if (each.call === 'wait') return clock.advance(each.ms)
          if (each.call === 'reset') return void limiters[each.limiter % limiters.length]?.reset(each.subject)
          if ('of' in each) {
            const decision = made[each.of % made.length]?.decision
            const limiter = limiters.find(({ name }) => name === decision?.policy)
            if (decision !== undefined) void limiter?.[each.call](decision, 1)
            return
          }
          const decision = limiters[each.limiter % limiters.length]?.[each.call](each.subject, { cost: each.cost }) as Decision
          made.push({ decision, view: viewOf(decision) })
        }
        for (const each of steps) {
          try {
            run(each)
          } catch (error) {
            // A receipt can be of a limit that takes none back, after another limiter or a shared state.
            if (!isSluiceError(error)) throw error
          }
        }
        for (const { decision, view } of made) expect(viewOf(decision)).toStrictEqual(view)
        // Observers get the decisions themselves, in a microtask after them.
        await Promise.resolve()
        expect(observed.size).toBe(made.length)
        expect(made.every(({ decision }) => observed.has(decision))).toBe(true)
        kept += made.length
      }),
      { numRuns: 500 },
    )
    expect(kept).toBeGreaterThan(3_000)
  })
})
