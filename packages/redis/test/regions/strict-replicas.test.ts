// With replicas, a gift of rights is offered only when a replica has it: a server that takes over then knows of it.
import { type Charge, fixedWindow, type Store } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { regions } from '@sluice/regions'
import { startRedis, waitUntil } from '@sluice/testing/redis'
import { expect, onTestFinished, test } from 'vitest'
import { take } from '../support.ts'
import { InProcess } from './in-process.ts'
import { rightsIn } from './rights-in.ts'

const { limit } = fixedWindow({ name: 'day', limit: 60, window: '1d' })
const charge: Charge = { limit, scope: 'api+day.fixedWindow', subject: 'user:1', cost: 1 }

const started = async (): ReturnType<typeof startRedis> => {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  return server
}

test('a gift that no replica has is not offered, and the next need is answered when one has it', { timeout: 60_000 }, async () => {
  const all = ['eu', 'us']
  const [first, second, replica] = await Promise.all([started(), started(), started()])
  await replica.call('REPLICAOF', second.host, String(second.port))
  await waitUntil('the replica follows', async () => (await replica.client().info('replication')).includes('master_link_status:up'))
  const network = new InProcess()
  const open = (self: string, server: typeof first): Store => {
    const described = regions({ self, all, transport: network.of(self), interval: 100, mode: 'strict' })
    const store = redisStore(server.client(), { failover: false, denyCache: false, regions: described })
    onTestFinished(() => store.close?.())
    return store
  }
  const eu = open('eu', first)
  open('us', second)
  const ask = async (cost: number): Promise<boolean> => (await take(eu, { ...charge, cost }, { failMode: 'closed' }))[0]?.allowed === true
  const peek = async (): Promise<number> => (await take(eu, charge, { how: 'peek', failMode: 'closed' }))[0]?.remaining ?? 0
  await waitUntil('the region has read its share', async () => (await peek()) === 30)

  await replica.pause()
  expect(await ask(30)).toBe(true)
  const sent = (kind: string): number => network.bodies.filter(({ body }) => new TextDecoder().decode(body).includes(`["${kind}"`)).length
  // The third need is sent after the first gift has waited for the replica in vain.
  await waitUntil('the region has asked three times', async () => {
    expect(await ask(1)).toBe(false)
    return sent('need') >= 3
  })
  expect((await rightsIn(second.client(), 'us', all)).to['eu']).toBeGreaterThan(0)
  expect(sent('offer')).toBe(0)
  await replica.resume()
  await waitUntil('the gift arrives', () => ask(1))
  const { to } = await rightsIn(second.client(), 'us', all)
  const { from } = await rightsIn(first.client(), 'eu', all)
  expect(from['us']).toBeLessThanOrEqual(to['eu'] ?? 0)
})
