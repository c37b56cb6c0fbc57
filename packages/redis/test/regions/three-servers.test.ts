// Three regions, each with a Redis server of its own and the store that applications use. Messages come twice and in any order.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Charge, fixedWindow, type Limit, slidingWindow } from '@sluice/core'
import { redisRegionStorage } from '@sluice/redis'
import { Exchange, regions, type RegionTransport } from '@sluice/regions/store-kit'
import { startRedis, waitUntil } from '@sluice/testing/redis'
import { expect, onTestFinished, test } from 'vitest'
import { rawStore } from '../support.ts'

const ALL = ['eu', 'us', 'ap']
const LIMITS: readonly Limit[] = [
  fixedWindow({ name: 'day', limit: 60, window: '1d' }).limit,
  slidingWindow({ name: 'hour', limit: 50, window: '1h' }).limit,
]
const charges = (subject: string, cost = 1): readonly Charge[] =>
  LIMITS.map((limit) => ({ limit, scope: `api+${limit.name}.${limit.algorithm}`, subject, cost }))

/** Carries each message twice to each other region, the second time after later ones. `late`: the second deliveries. */
function transports(late: Promise<unknown>[]): (self: string) => RegionTransport {
  const handlers = new Map<string, (body: Uint8Array) => Promise<void>>()
  return (self) => ({
    publish: async (messages) => {
      for (const [region, apply] of handlers) {
        if (region === self) continue
        for (const { body } of messages.toReversed()) await apply(body)
        late.push(sleep(50).then(() => Promise.all(messages.map(({ body }) => apply(body)))))
      }
    },
    subscribe: async (region, apply) => {
      handlers.set(region, apply)
      return async () => void handlers.delete(region)
    },
  })
}

test('each region counts each unit once, also after give-backs and when messages come twice', async () => {
  const late: Promise<unknown>[] = []
  const transportOf = transports(late)
  const places = await Promise.all(
    ALL.map(async (self) => {
      const server = await startRedis()
      onTestFinished(() => server.stop())
      const store = rawStore(server.client())
      onTestFinished(() => store.close?.())
      const failures: unknown[] = []
      const exchange = new Exchange({
        regions: regions({ self, all: ALL, transport: transportOf(self), interval: 100, minimum: 0 }),
        storage: redisRegionStorage(server.client()),
        clock: { now: () => Date.now() },
        failed: (error) => failures.push(error),
      })
      await exchange.start()
      return { self, store, exchange, failures }
    }),
  )
  let admitted = 0
  for (let i = 0; i < 12; i++) {
    for (const { store, exchange } of places) {
      const all = charges('user:1')
      const outcomes = await store.consume(all)
      expect(outcomes.every((outcome) => outcome?.allowed)).toBe(true)
      admitted += 1
      for (const charge of all) exchange.touched(charge, 1)
      if (i % 4 !== 3) continue
      await store.consume(all.map((charge, j) => ({ ...charge, cost: -1, receipt: outcomes[j]?.receipt })))
      admitted -= 1
      for (const charge of all) exchange.touched(charge, 0)
    }
  }
  const used = async (place: (typeof places)[number]): Promise<readonly (number | undefined)[]> =>
    (await place.store.consume(charges('user:1'), { how: 'peek' })).map((outcome) => outcome?.used)
  for (const place of places) {
    await waitUntil('the region counts all', async () => (await used(place)).every((units) => units === admitted))
    expect(await used(place)).toEqual([admitted, admitted])
    expect(place.failures).toEqual([])
    expect(place.exchange.report().applied).toBeGreaterThan(0)
  }

  // All of it together is the limit: 50 an hour.
  const [eu] = places as [(typeof places)[number]]
  const rest = charges('user:1', 50 - admitted)
  expect((await eu.store.consume(rest)).every((outcome) => outcome?.allowed)).toBe(true)
  for (const charge of rest) eu.exchange.touched(charge, charge.cost)
  for (const place of places) {
    await waitUntil('the region hears of the rest', async () => (await used(place))[1] === 50)
    expect((await place.store.consume(charges('user:1')))[1]?.allowed).toBe(false)
  }
  for (const { exchange } of places) await exchange.close()
  await Promise.all(late)
})
