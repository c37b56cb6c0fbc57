// Mode `strict` where one region has a Redis Cluster: rights move between its nodes' keys as on one server.
import { type Charge, slidingWindow, type Store } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { regions } from '@sluice/regions'
import { startCluster, startRedis, waitUntil } from '@sluice/testing/redis'
import { expect, onTestFinished, test } from 'vitest'
import { take } from '../support.ts'
import { InProcess } from './in-process.ts'

const { limit } = slidingWindow({ name: 'hour', limit: 20, window: '1h' })
const chargeOf = (subject: string): Charge => ({ limit, scope: 'api+hour.slidingWindow', subject, cost: 1 })
const CLOSED = { failMode: 'closed' } as const

test('a cluster and a server share each limit', { timeout: 90_000 }, async () => {
  const all = ['eu', 'us']
  const cluster = await startCluster()
  onTestFinished(() => cluster.stop())
  const server = await startRedis()
  onTestFinished(() => server.stop())
  const network = new InProcess()
  const [eu, us] = [cluster.client(), server.client()].map((client, i) => {
    const self = all[i] as string
    const described = regions({ self, all, transport: network.of(self), interval: 100, mode: 'strict' })
    const store = redisStore(client, { failover: false, denyCache: false, regions: described })
    onTestFinished(() => store.close?.())
    return store
  }) as [Store, Store]
  const admit = async (store: Store, subject: string): Promise<number> => {
    let units = 0
    await waitUntil('the other region has nothing to give', async () => {
      for (;;) {
        const [outcome] = await take(store, chargeOf(subject), CLOSED)
        if (outcome?.allowed !== true) return outcome?.held !== true
        units += 1
      }
    })
    return units
  }
  // Subjects of several slots.
  for (const subject of ['a', 'b', 'c', 'd']) {
    for (const store of [eu, us]) {
      await waitUntil(
        'the region has read its share',
        async () => ((await take(store, chargeOf(subject), { ...CLOSED, how: 'peek' }))[0]?.remaining ?? 0) > 0,
      )
    }
    expect((await admit(eu, subject)) + (await admit(us, subject))).toBe(20)
  }
})
