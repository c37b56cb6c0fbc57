// Two regions, each with a Redis server of its own: what they know of each other, and what happens when one loses its data.
import { type Charge, fixedWindow, type Store, type StoreEvent, tokenBucket } from '@sluice/core'
import { redisStore, type RedisSource } from '@sluice/redis'
import { regions, type RegionsOptions } from '@sluice/regions'
import { startCluster, startRedis, waitUntil } from '@sluice/testing/redis'
import { expect, onTestFinished, test } from 'vitest'
import { take } from '../support.ts'
import { InProcess } from './in-process.ts'

const ALL = ['eu', 'us']
const DAY = fixedWindow({ name: 'day', limit: 20, window: '1d' }).limit

const chargeOf = (subject: string, cost = 1, policy = 'api'): Charge => ({ limit: DAY, scope: `${policy}+day.fixedWindow`, subject, cost })
const used = async (store: Store, one: Charge): Promise<number | undefined> => (await take(store, one, { how: 'peek' }))[0]?.used

type Server = Awaited<ReturnType<typeof startRedis>>

async function newServer(): Promise<Server> {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  return server
}

function storeOn(
  server: { client(): RedisSource },
  network: InProcess,
  options: Partial<RegionsOptions> & { readonly self: string },
): Store {
  const described = regions({ all: ALL, transport: network.of(options.self), interval: 100, silence: 1_000, minimum: 0, ...options })
  const store = redisStore(server.client(), { denyCache: false, regions: described })
  onTestFinished(() => store.close?.())
  return store
}

test('a region that lost its data hears again of all that others counted', async () => {
  const network = new InProcess()
  const [here, there] = await Promise.all([newServer(), newServer()])
  const [eu, us] = [storeOn(here, network, { self: 'eu' }), storeOn(there, network, { self: 'us' })]
  const subjects = Array.from({ length: 100 }, (_, i) => `user:${i}`)
  await Promise.all(subjects.map((subject) => take(eu, chargeOf(subject, 15))))
  await take(eu, chargeOf('user:1', 7, 'other'))
  const countsAll = async (): Promise<boolean> => {
    const counts = await Promise.all(subjects.map((subject) => used(us, chargeOf(subject))))
    return counts.every((units) => units === 15) && (await used(us, chargeOf('user:1', 1, 'other'))) === 7
  }
  await waitUntil('the other region counts all', countsAll)
  const asked = (): number => network.bodies.filter(({ from, body }) => from === 'us' && Buffer.from(body).includes('["resend"]')).length
  await waitUntil('the empty data of the start has asked', () => asked() === 1)
  await there.client().flushall()
  await waitUntil('the other region asks', () => asked() === 2)
  await waitUntil('the other region counts all again', countsAll)
  expect((await take(us, chargeOf('user:1', 6)))[0]?.allowed).toBe(false)
})

test('a region on a Cluster sends again from all of its nodes', { timeout: 60_000 }, async () => {
  const network = new InProcess()
  const cluster = await startCluster()
  onTestFinished(() => cluster.stop())
  const there = await newServer()
  const [eu, us] = [storeOn(cluster, network, { self: 'eu' }), storeOn(there, network, { self: 'us' })]
  const subjects = Array.from({ length: 60 }, (_, i) => `user:${i}`)
  await Promise.all(subjects.map((subject) => take(eu, chargeOf(subject, 15))))
  const countsAll = async (): Promise<boolean> => {
    const counts = await Promise.all(subjects.map((subject) => used(us, chargeOf(subject))))
    return counts.every((units) => units === 15)
  }
  await waitUntil('the other region counts all', countsAll)
  await there.client().flushall()
  await waitUntil('the other region counts all again', countsAll)
})

test('a policy that a process does not know is sent when it decides on it', async () => {
  const network = new InProcess()
  const [here, there] = await Promise.all([newServer(), newServer()])
  const old = storeOn(here, network, { self: 'eu' })
  const us = storeOn(there, network, { self: 'us' })
  await take(old, chargeOf('user:1', 15))
  await take(old, chargeOf('user:2', 15))
  await waitUntil('the other region counts it', async () => (await used(us, chargeOf('user:2'))) === 15)
  await old.close?.()
  const eu = storeOn(here, network, { self: 'eu' })
  await waitUntil('the new process hears', () => eu.health?.().regions?.peers['us']?.heardAt !== undefined)
  await there.client().flushall()
  const isAsked = (): boolean =>
    network.bodies.filter(({ from, body }) => from === 'us' && Buffer.from(body).includes('["resend"]')).length > 1
  await waitUntil('the other region asks', isAsked)
  await take(eu, chargeOf('user:1', 1))
  await waitUntil('also the subject without a request arrives', async () => (await used(us, chargeOf('user:2'))) === 15)
})

test('a region that is cut off is silent, and each uses its share', async () => {
  const network = new InProcess()
  const [here, there] = await Promise.all([newServer(), newServer()])
  const eu = storeOn(here, network, { self: 'eu', whenSilent: 'share' })
  const us = storeOn(there, network, { self: 'us' })
  const events: StoreEvent[] = []
  eu.subscribe?.((event) => events.push(event))
  const isSilent = (store: Store, peer: string): boolean | undefined => store.health?.().regions?.peers[peer]?.silent
  await waitUntil('they hear of each other', () => eu.health?.().regions?.peers['us']?.heardAt !== undefined)
  expect(isSilent(eu, 'us')).toBe(false)
  network.cut.add('us')
  await waitUntil('each is silent for the other', () => isSilent(eu, 'us') === true && isSilent(us, 'eu') === true)
  expect((await take(eu, chargeOf('user:1', 11)))[0]?.allowed).toBe(false)
  expect((await take(eu, chargeOf('user:1', 10)))[0]?.allowed).toBe(true)
  // The whole limit, by default.
  expect((await take(us, chargeOf('user:1', 20)))[0]?.allowed).toBe(true)
  const bucket = tokenBucket({ name: 'rate', limit: 20, window: '1h', burst: 10 }).limit
  const ofBucket = { limit: bucket, scope: 'bucket+rate.tokenBucket', subject: 'user:1' }
  expect((await take(eu, { ...ofBucket, cost: 6 }))[0]?.allowed).toBe(false)
  expect((await take(eu, { ...ofBucket, cost: 5 }))[0]?.allowed).toBe(true)
  network.cut.clear()
  await waitUntil('they hear of each other again', () => isSilent(eu, 'us') === false && isSilent(us, 'eu') === false)
  expect((await take(eu, chargeOf('user:2', 20)))[0]?.allowed).toBe(true)
  expect(events.filter(({ type }) => type === 'region')).toEqual([
    { type: 'region', region: 'us', silent: true },
    { type: 'region', region: 'us', silent: false },
  ])
})

test('data of other regions is refused', async () => {
  const network = new InProcess()
  const server = await newServer()
  const first = storeOn(server, network, { self: 'eu' })
  const knowsItself = async (): Promise<boolean> => (await server.client().hget('sluice:{meta}:regions', 'self')) === 'eu'
  await waitUntil('the data has its region', knowsItself)
  for (const wrong of [{ self: 'us' }, { self: 'eu', all: ['us', 'eu'] }]) {
    const store = storeOn(server, new InProcess(), wrong)
    await waitUntil('the store knows', () => store.health?.().regions?.cause !== undefined)
    await expect(async () => store.consume([chargeOf('user:1')])).rejects.toMatchObject({
      code: 'ERR_REGIONS_CHANGED',
      message: expect.stringContaining('expected self "eu" and all "eu, us", which wrote the data of this store, got self') as string,
    })
  }
  const longer = storeOn(server, new InProcess(), { self: 'eu', all: [...ALL, 'ap'] })
  await waitUntil('a region more is welcome', async () => (await server.client().hget('sluice:{meta}:regions', 'all')) === 'eu,us,ap')
  expect((await take(longer, chargeOf('user:1')))[0]?.allowed).toBe(true)
  expect((await take(first, chargeOf('user:1')))[0]?.allowed).toBe(true)
})
