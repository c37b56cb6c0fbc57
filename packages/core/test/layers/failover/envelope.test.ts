// The bound: whatever fails and when, the store admits at most its limit, and each process at most its share of it.
import { concurrency, fixedWindow, leakyBucket, type Limit, type Outcome, slidingLog, slidingWindow, tokenBucket } from '@sluice/core'
import { type FailoverParts, stack } from '@sluice/core/store-kit'
import { algorithmOf } from '@sluice/core/algorithms'
import { type Admission, checkEnvelope, fakeClock } from '@sluice/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { charge, flushPromises, remoteStore } from './lab.ts'

const PROCESSES = 3
const limits: readonly Limit[] = [
  fixedWindow({ name: 'fixed', limit: 20, window: '2s' }).limit,
  fixedWindow({ name: 'first', limit: 20, window: '2s', anchor: 'first' }).limit,
  slidingWindow({ name: 'sliding', limit: 20, window: '2s' }).limit,
  slidingLog({ name: 'log', limit: 20, window: '2s' }).limit,
  tokenBucket({ name: 'token', limit: 20, window: '2s', burst: 31 }).limit,
  leakyBucket({ name: 'leaky', limit: 20, window: '2s' }).limit,
  concurrency({ name: 'slots', limit: 20, ttl: '2s' }).limit,
]

// Math.random only decides when a probe is sent. It is seeded, so that a run that fails can be repeated.
afterEach(() => void vi.restoreAllMocks())

function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

describe.each(limits.map((limit) => [limit.name, limit] as const))('%s', (_name, limit) => {
  test.each([1, 2, 3])('through cuts, stops, refusals and recoveries (%i)', (seed) => keepsTheBound(seed, {}))

  test('D11: the same where timers end with their request', async () => {
    let kept = 0
    await keepsTheBound(4, { waitUntil: () => (kept += 1) })
    expect(kept).toBeGreaterThan(10)
  })

  async function keepsTheBound(seed: number, parts: FailoverParts): Promise<void> {
    const random = seeded(seed)
    const jitter = seeded(seed + 100)
    vi.spyOn(Math, 'random').mockImplementation(() => jitter(1_000) / 1_000)
    const clock = fakeClock()
    const inner = remoteStore(clock)
    const stores = Array.from({ length: PROCESSES }, () =>
      stack(inner, { failover: { instances: PROCESSES }, denyCache: false }, { clock, ...parts }),
    )
    const here: Admission[][] = stores.map(() => [])
    const until = (at: number) => (limit.algorithm === 'concurrency' ? at + (limit.window as number) * 1000 : undefined)
    const faults = [
      () => inner.heal(),
      () => inner.heal(),
      () => inner.heal(),
      () => inner.fail({}),
      () => inner.fail({ unknown: true }),
      () => inner.fail({ refusal: 'unwritable' }),
      () => inner.holdAnswers(),
      () => inner.holdCalls(),
    ]
    const sources = new Set<string>()
    for (let step = 0; step < 1_500; step++) {
      if (random(60) === 0) faults[random(faults.length)]?.()
      if (random(10) === 0) inner.deliver()
      const which = random(PROCESSES)
      const cost = limit.algorithm === 'concurrency' ? 1 : 1 + random(3)
      const answer = Promise.resolve(stores[which]?.consume([charge('a', limit, cost)]))
      // The answer, or the deadline.
      await flushPromises()
      for (let i = 0; i < 3; i++) {
        clock.advance(random(30))
        await flushPromises()
      }
      clock.advance(60)
      const [outcome] = (await answer) as readonly Outcome[]
      if (outcome === undefined) throw new Error('the only charge has no outcome')
      sources.add(outcome.source)
      if (outcome.allowed && outcome.source === 'local')
        here[which]?.push({ at: outcome.at, units: outcome.granted, until: until(outcome.at) })
    }
    expect(sources).toEqual(new Set(['redis', 'local']))
    expect(checkEnvelope(limit, inner.charged)).toEqual([])
    const share = algorithmOf(limit).scale(limit, 1 / PROCESSES)
    // A window of the first charge can begin here with units that the store had seen, so two windows may touch.
    const bound = limit.anchor === 'first' ? { ...share, limit: 2 * share.limit } : share
    for (const own of here) expect(checkEnvelope(bound, own)).toEqual([])
    for (const store of stores) await store.close?.()
  }
})
