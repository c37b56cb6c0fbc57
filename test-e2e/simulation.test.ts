// The scenarios of `npm run simulate` at a tenth of their size. A faulty store must be detected, and the simulated store must
// lease as Redis does.
import { type Charge, type ConsumeOptions, fixedWindow, leakyBucket, slidingWindow, tokenBucket } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { fakeClock } from '@sluice/testing'
import { startRedis } from '@sluice/testing/redis'
import { describe, expect, test } from 'vitest'
import { simulate } from './support/simulation/simulate.ts'
import { leasingStore } from './support/simulation/leasing-store.ts'
import { randomOf } from './support/simulation/random.ts'
import { type Scenario, scenarios } from './support/simulation/scenario.ts'
import { problemOf } from './support/simulation/table.ts'

const seed = Number(process.env['SLUICE_SEED'] ?? Date.now() % 2 ** 31)
const small = scenarios(0.1)
const [first] = small as readonly [Scenario]
const named = (name: string): Scenario => small.find((one) => one.name === name) as Scenario

describe(`SLUICE_SEED=${seed}`, () => {
  test.for(small.map((scenario) => [scenario.name, scenario] as const))('%s: admits no more than its bound', async ([, scenario]) => {
    const result = await simulate(scenario, seed)
    expect(result.decisions).toBeGreaterThan(1_000)
    expect(problemOf({ scenario, result })).toBeUndefined()
  })

  test('the same seed gives the same result', async () => {
    const [first, second] = [
      await simulate(named('Zipf, buckets, all below, disturbed'), seed),
      await simulate(named('Zipf, buckets, all below, disturbed'), seed),
    ]
    expect(first).toEqual(second)
    expect(first.failed).toBeGreaterThan(0)
  })

  test('a hot subject below its limit is decided mostly by leases, and always admitted', async () => {
    const { admitted, decisions, local } = await simulate(first, seed)
    expect(admitted).toBe(decisions)
    expect(local).toBeGreaterThan(decisions / 2)
  })

  test('a store that does not debit its leases exceeds the bound', async () => {
    const scenario = named('fixed window, 2 × above')
    const result = await simulate(scenario, seed, true)
    expect(problemOf({ scenario, result })).toMatch(/above the bound/)
  })

  test('the simulated store answers as Redis does', async () => {
    const server = await startRedis()
    const clock = fakeClock()
    const redis = redisStore({ url: server.url }, { clock, failover: false, denyCache: false })
    const twin = leasingStore(clock)
    const random = randomOf(seed)
    const limits = [
      tokenBucket({ name: 'token', limit: 90, window: '1s', burst: 200 }).limit,
      fixedWindow({ name: 'fixed', limit: 200, window: '2s' }).limit,
      slidingWindow({ name: 'sliding', limit: 200, window: '2s' }).limit,
      leakyBucket({ name: 'leaky', limit: 90, window: '1s' }).limit,
    ]
    const taken: Charge[] = []
    let leased = 0
    try {
      for (let i = 0; i < 1_000; i++) {
        const limit = limits[random.below(limits.length)]!
        const scope = `compared/${limit.name}/${limit.algorithm}`
        const refund = random.next() < 0.3 ? taken.splice(random.below(taken.length), 1)[0] : undefined
        const charge = refund ?? { limit, scope, subject: 'a', cost: 1 + random.below(30) }
        const lease = { ttl: 250, ceiling: 45 }
        const options: ConsumeOptions =
          refund === undefined && random.next() < 0.6 ? { lease, ...(random.next() < 0.7 ? { atLeast: 1 } : {}) } : {}
        const [outcome] = await redis.consume([charge], options)
        expect(twin.consume([charge], options)).toEqual([outcome])
        if ((outcome?.leaseFor ?? 0) > 0) leased += 1
        if (outcome !== undefined && outcome.granted > 0 && outcome.receipt !== undefined)
          taken.push({ ...charge, cost: -1 - random.below(outcome.granted), receipt: outcome.receipt })
        clock.advance(random.below(80))
      }
    } finally {
      await redis.close?.()
      await server.stop()
    }
    expect(leased).toBeGreaterThan(100)
  })
})
