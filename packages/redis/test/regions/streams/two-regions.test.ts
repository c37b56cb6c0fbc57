// Two regions, each with a Redis server of its own, that send messages by Redis Streams: one loses its data, and the way between them is cut.
import { type Charge, fixedWindow, type Store } from '@sluice/core'
import { redisStore, streamTransport } from '@sluice/redis'
import { regions } from '@sluice/regions'
import { startRedis, tcpProxy, type TcpProxy, waitUntil } from '@sluice/testing/redis'
import { expect, onTestFinished, test } from 'vitest'
import { take } from '../../support.ts'

const DAY = fixedWindow({ name: 'day', limit: 40, window: '1d' }).limit
const PATIENCE = 20_000
const SUBJECTS = Array.from({ length: 20 }, (_, i) => `user:${i}`)

const chargeOf = (subject: string, cost = 1): Charge => ({ limit: DAY, scope: 'api+day.fixedWindow', subject, cost })

interface Region {
  readonly server: Awaited<ReturnType<typeof startRedis>>
  /** The way by which the other region reads its messages. */
  readonly proxy: TcpProxy
  readonly store: Store
}

async function twoRegions(): Promise<readonly [Region, Region]> {
  const places = await Promise.all(
    ['eu', 'us'].map(async (self) => {
      const server = await startRedis()
      onTestFinished(() => server.stop())
      const proxy = await tcpProxy(server)
      onTestFinished(() => proxy.close())
      return { self, server, proxy }
    }),
  )
  return places.map(({ self, server, proxy }, i) => {
    const other = places[1 - i] as (typeof places)[number]
    const others = { [other.self]: { url: `redis://${other.proxy.host}:${other.proxy.port}` } }
    const transport = streamTransport({ self: { url: server.url }, others, on: { warning: () => undefined } })
    const described = regions({ self, all: ['eu', 'us'], transport, interval: 100, silence: 2_000, minimum: 0 })
    const store = redisStore(server.client(), { denyCache: false, regions: described })
    onTestFinished(() => store.close?.())
    return { server, proxy, store }
  }) as unknown as readonly [Region, Region]
}

const counts = ({ store }: Region): Promise<readonly (number | undefined)[]> =>
  Promise.all(SUBJECTS.map(async (subject) => (await take(store, chargeOf(subject), { how: 'peek' }))[0]?.used))
const all = async (region: Region, units: number): Promise<boolean> => (await counts(region)).every((used) => used === units)
const isSilent = ({ store }: Region, peer: string): boolean | undefined => store.health?.().regions?.peers[peer]?.silent

test('a region whose Redis was emptied counts again what the other admitted', { timeout: 60_000 }, async () => {
  const [eu, us] = await twoRegions()
  await Promise.all(SUBJECTS.map((subject) => take(eu.store, chargeOf(subject, 15))))
  await Promise.all(SUBJECTS.map((subject) => take(us.store, chargeOf(subject, 2))))
  await waitUntil('both count all', async () => (await all(us, 17)) && (await all(eu, 17)), PATIENCE)
  await us.server.client().flushall()
  // What it had admitted itself is lost, as without regions.
  await waitUntil('it counts what the other admitted', () => all(us, 15), PATIENCE)
  await Promise.all(SUBJECTS.map((subject) => take(us.store, chargeOf(subject, 3))))
  await waitUntil('both count the same again', async () => (await all(us, 18)) && (await all(eu, 18)), PATIENCE)
})

test('a region that is cut off is silent, and after it both count all', { timeout: 60_000 }, async () => {
  const [eu, us] = await twoRegions()
  await waitUntil('they hear of each other', () => [eu, us].every(({ store }) => hasHeard(store)), PATIENCE)
  for (const { proxy } of [eu, us]) proxy.blackHole(true)
  await Promise.all(SUBJECTS.map((subject) => take(eu.store, chargeOf(subject, 5))))
  await Promise.all(SUBJECTS.map((subject) => take(us.store, chargeOf(subject, 7))))
  await waitUntil('each is silent for the other', () => isSilent(eu, 'us') === true && isSilent(us, 'eu') === true, PATIENCE)
  expect([await all(eu, 5), await all(us, 7)]).toEqual([true, true])
  for (const { proxy } of [eu, us]) proxy.blackHole(false)
  await waitUntil('they hear of each other again', () => isSilent(eu, 'us') === false && isSilent(us, 'eu') === false, PATIENCE)
  await waitUntil('both count all', async () => (await all(us, 12)) && (await all(eu, 12)), PATIENCE)
})

function hasHeard(store: Store): boolean {
  return Object.values(store.health?.().regions?.peers ?? {}).every(({ heardAt }) => heardAt !== undefined)
}

// The transport connects at once, and the store never listens.
test('a store whose region is refused closes the connections of its transport', { timeout: 60_000 }, async () => {
  const [{ server, store: eu }, { store: other }] = await twoRegions()
  await waitUntil('the data has its region', async () => (await server.client().hget('sluice:{meta}:regions', 'self')) === 'eu')
  // Without that of the question.
  const connections = async (): Promise<readonly string[]> =>
    String(await server.call('CLIENT', 'LIST', 'TYPE', 'normal'))
      .split('\n')
      .filter((line) => !line.includes('cmd=client'))
      .flatMap((line) => /^id=\d+/.exec(line) ?? [])
  await Promise.all([eu.close?.(), other.close?.()])
  // Some of these may be about to end.
  const before = await connections()
  const opened = async (): Promise<number> => (await connections()).filter((id) => !before.includes(id)).length
  const source = { url: server.url }
  const transport = streamTransport({ self: source, others: { eu: source }, on: { warning: () => undefined } })
  const us = redisStore(source, { regions: regions({ self: 'us', all: ['eu', 'us'], transport }) })
  await waitUntil('the refusal', () => us.health?.().regions?.cause !== undefined)
  await waitUntil('all connections', async () => (await opened()) === 3)
  await us.close?.()
  await waitUntil('their end', async () => (await opened()) === 0)
})
