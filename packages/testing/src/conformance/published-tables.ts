import {
  type Charge,
  type Clock,
  createLimiter,
  fixedWindow,
  type Limit,
  type MaybePromise,
  type Outcome,
  slidingWindow,
  type Store,
  tokenBucket,
} from '@sluice/core'
import { isPromise } from '@sluice/core/store-kit'
import { describe, expect, test } from 'vitest'
import { type FakeClock, fakeClock } from '../fake-clock.ts'
import tables from './published-tables.json' with { type: 'json' }

// Each table has a `source`, which is the title of its test.
const { gcra, bucket4jRefill, cloudflareSliding, envoyScripts } = tables

/**
 * Registers Vitest tests that replay the published test tables of other limiters against a store: throttled and redis-cell,
 * Bucket4j, Cloudflare and Envoy. Call it next to `storeConformance()`.
 *
 * @param name title of the tests
 * @param makeStore creates a new, empty store that reads time from the clock, once for each table
 *
 * @example
 * ```ts
 * import { memoryStore } from '@sluice/core'
 * import { publishedTables } from '@sluice/testing'
 *
 * publishedTables('memoryStore', (clock) => memoryStore({ clock }))
 * ```
 */
export function publishedTables(name: string, makeStore: (clock: Clock) => MaybePromise<Store>): void {
  const replay = (title: string, run: (store: Store, clock: FakeClock) => Promise<void>): void => {
    test(title, async () => {
      const clock = fakeClock(0)
      const made = makeStore(clock)
      const store = isPromise(made) ? await made : made
      try {
        await run(store, clock)
      } finally {
        await store.close?.()
      }
    })
  }

  describe(`${name}: published tables`, () => {
    replay(gcra.source, async (store, clock) => {
      const { limit } = tokenBucket({ name: 'gcra', limit: gcra.ratePerSecond, window: '1s', burst: gcra.limit })
      for (const row of gcra.rows) {
        const [t, quantity, remaining, resetAfter, retryAfter, limited] = row as [number, number, number, number, number, boolean]
        clock.set(t * 1000)
        const outcome = await consumeOne(store, chargeOf(limit, quantity))
        const actual = {
          remaining: outcome.remaining,
          resetAfter: outcome.resetAfter / 1000,
          // The table has −1 both for "not limited" and for "never".
          retryAfter: outcome.allowed || outcome.retryAfter === Infinity ? -1 : outcome.retryAfter / 1000,
          limited: !outcome.allowed,
        }
        expect([row, actual]).toEqual([row, { remaining, resetAfter, retryAfter, limited }])
      }
    })

    bucket4jRefill.rows.forEach((row, i) => {
      const [initial, capacity, period, t0, t1, published] = row as [number, number, number, number, number, number, number]
      // In the row whose clock steps back by 1 µs, Sluice refills 1 µs later, so that a step back can never gain tokens.
      const tokens = t1 < t0 ? published - 1 : published
      replay(`${bucket4jRefill.source}: row ${i + 1}, ${tokens} tokens`, async (store, clock) => {
        const { limit } = tokenBucket({ name: 'refill', limit: capacity, window: period / 1000, burst: capacity })
        clock.set(t0 / 1000)
        await consumeOne(store, chargeOf(limit, capacity - initial))
        expect((await consumeOne(store, chargeOf(limit, 0))).remaining).toBe(initial)
        clock.set(t1 / 1000)
        expect((await consumeOne(store, chargeOf(limit, 0))).remaining).toBe(tokens)
        if (tokens > 0) expect((await consumeOne(store, chargeOf(limit, tokens))).allowed).toBe(true)
        expect((await consumeOne(store, chargeOf(limit, 1))).allowed).toBe(false)
      })
    })

    replay(cloudflareSliding.source, async (store, clock) => {
      const { limit: quantity, window_s, previous, current, elapsed_s, estimate, next_hit_limited } = cloudflareSliding
      const { limit } = slidingWindow({ name: 'cloudflare', limit: quantity, window: window_s * 1000 })
      await consumeOne(store, chargeOf(limit, previous))
      clock.advance((window_s + elapsed_s) * 1000)
      expect(await consumeOne(store, chargeOf(limit, current))).toMatchObject({ allowed: true, remaining: quantity - Math.ceil(estimate) })
      expect((await consumeOne(store, chargeOf(limit, 1))).allowed).toBe(!next_hit_limited)
    })

    for (const script of envoyScripts.cases) {
      replay(`${envoyScripts.source}: ${script.name}`, async (store) => {
        if (script.limit?.endsWith('shadow')) await expectShadowAnswers(store, script.expect)
        else if (script.limit !== undefined) await expectAnswers(store, perMinute(script.limit, 'hits'), script.expect)
        if (script.override !== undefined)
          await expectAnswers(store, perMinute(script.override, 'override'), script.expect_override ?? script.expect_override_first)
        if (script.base !== undefined) await expectAnswers(store, perMinute(script.base, 'base'), script.expect_base)
      })
    }
  })
}

/** Parses `3/min`. Factories refuse a quantity of 0, which only option functions may return, so it is set afterwards. */
function perMinute(text: string, name: string): Limit {
  const quantity = Number(text.split('/')[0])
  return { ...fixedWindow({ name, limit: Math.max(1, quantity), window: '1m' }).limit, limit: quantity }
}

async function expectAnswers(store: Store, limit: Limit, answers: readonly string[] | undefined): Promise<void> {
  const actual: string[] = []
  for (let i = 0; i < (answers?.length ?? 0); i++) actual.push((await consumeOne(store, chargeOf(limit, 1))).allowed ? 'ok' : '429')
  expect(actual).toEqual(answers ?? [])
}

async function expectShadowAnswers(store: Store, answers: readonly string[] | undefined): Promise<void> {
  const limiter = createLimiter({ name: 'shadow', mode: 'shadow', store, limits: [fixedWindow({ name: 'hits', limit: 3, window: '1m' })] })
  const decisions = []
  for (let i = 0; i < (answers?.length ?? 0); i++) decisions.push(await limiter.consume('key'))
  expect(decisions.map(({ allowed }) => (allowed ? 'ok' : '429'))).toEqual(answers)
  expect(decisions.map(({ verdict }) => verdict)).toEqual(['allowed', 'allowed', 'allowed', 'refused', 'refused'])
}

function chargeOf(limit: Limit, cost: number): Charge {
  return { limit, scope: `published+${limit.name}.${limit.algorithm}`, subject: 'key', cost }
}

async function consumeOne(store: Store, charge: Charge): Promise<Outcome> {
  const [outcome] = await store.consume([charge])
  if (outcome === undefined) throw new Error('consume: expected an outcome for the only charge, got undefined')
  return outcome
}
