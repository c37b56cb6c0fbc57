// The Redis of one region fails over to a replica, which lacks the last writes. Afterwards both regions count the same.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Charge, fixedWindow, type Store } from '@sluice/core'
import { type RedisSource, redisStore, streamTransport } from '@sluice/redis'
import { regions } from '@sluice/regions'
import { startRedis, startSentinel, waitUntil } from '@sluice/testing/redis'
import { expect, onTestFinished, test } from 'vitest'

const { limit } = fixedWindow({ name: 'day', limit: 1_000, window: '1d' })
const SUBJECTS = Array.from({ length: 10 }, (_, i) => `user:${i}`)
const ALL = ['eu', 'us']
const PATIENCE = 60_000

const chargeOf = (subject: string, cost = 1): Charge => ({ limit, scope: 'api+day.fixedWindow', subject, cost })

test('a failover of the Redis of a region', { timeout: 300_000 }, async () => {
  const [sentinel, server] = await Promise.all([startSentinel(), startRedis()])
  onTestFinished(() => Promise.all([sentinel.stop(), server.stop()]).then(() => undefined))
  const sources: Readonly<Record<string, RedisSource>> = {
    eu: { sentinels: sentinel.sentinels, name: sentinel.name },
    us: { url: server.url },
  }
  const stores = ALL.map((self): Store => {
    const [other = ''] = ALL.filter((name) => name !== self)
    const transport = streamTransport({
      self: sources[self] as RedisSource,
      others: { [other]: sources[other] as RedisSource },
      on: { warning: () => undefined },
    })
    const store = redisStore(sources[self] as RedisSource, {
      failover: false,
      denyCache: false,
      regions: regions({ self, all: ALL, transport, interval: 200, minimum: 0 }),
    })
    onTestFinished(() => store.close?.())
    return store
  })
  let admitted = 0
  const ask = async (ms: number): Promise<void> => {
    const end = Date.now() + ms
    for (let i = 0; Date.now() < end; i++) {
      const charge = chargeOf(SUBJECTS[i % SUBJECTS.length] as string)
      const outcome = await Promise.resolve(stores[i % 2]?.consume([charge])).catch(() => undefined)
      if (outcome?.[0]?.allowed === true) admitted += 1
      else await sleep(20)
    }
  }
  const counts = async (store: Store | undefined): Promise<readonly number[]> =>
    Promise.all(SUBJECTS.map(async (subject) => (await store?.consume([chargeOf(subject)], { how: 'peek' }))?.[0]?.used ?? -1))

  await waitUntil('both answer', async () => (await Promise.all(stores.map(counts))).flat().every((used) => used === 0), PATIENCE)
  await ask(2_000)
  await Promise.all([sentinel.killPrimary(), ask(3_000)])
  await sentinel.settled()
  await waitUntil('eu answers again', async () => (await counts(stores[0])).length > 0, PATIENCE)
  await ask(2_000)
  // A message that was lost comes again after 10 s of use.
  await sleep(10_000)
  await ask(1_000)
  await waitUntil('both count the same', async () => String(await counts(stores[0])) === String(await counts(stores[1])), PATIENCE)
  const counted = (await counts(stores[1])).reduce((sum, used) => sum + used, 0)
  expect(counted).toBeGreaterThan(0)
  // What the replica lacked is forgotten. What had no answer may be counted.
  expect(Math.abs(counted - admitted)).toBeLessThan(admitted / 2)
})
