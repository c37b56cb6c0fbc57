// Analytics through each client that the store takes, on one server and a Cluster.
import { subjectHash } from '@sluice/core/store-kit'
import type { RedisSource } from '@sluice/redis'
import { type RedisCluster, type RedisServer, startCluster, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { closeAfterEach, LIBRARIES } from '../clients/clients.ts'
import { analyticsOn, consume, limiterOf, SECRET } from './support.ts'

const libraries = Object.entries(LIBRARIES)
closeAfterEach()

/** Counts in several namespaces, and reads all of it again. */
async function serves(source: RedisSource): Promise<void> {
  const analytics = analyticsOn(source)
  const limiters = Array.from({ length: 5 }, () => limiterOf(1))
  for (const [i, { limiter }] of limiters.entries()) await consume(limiter, 'bot', 2 + i)
  await analytics.flush()
  for (const { limiter } of limiters) await consume(limiter, 'bot', 10)
  await analytics.flush()
  expect(analytics.health()).toEqual({ reason: undefined, lost: 0, folded: 0 })
  const subject = subjectHash(SECRET)('bot')
  expect((await analytics.topViolators()).map((one) => [one.namespace, one.subject, one.violations])).toEqual(
    limiters.map(({ name }, i) => [name, subject, 11 + i]).toReversed(),
  )
  expect((await analytics.violations('bot')).map(({ violations }) => violations)).toEqual([15, 14, 13, 12, 11])
  expect((await analytics.usage({ step: '1h' })).map(({ verdict, requests, units }) => [verdict, requests, units])).toEqual([
    ['allowed', 5, 5],
    ['refused', 65, 65],
  ])
}

describe('one server', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  beforeEach(() => server.call('FLUSHALL'))
  afterAll(() => server.stop())

  test.each(libraries)('%s', async (_, library) => {
    await serves(await library.one(server))
  })

  test.each([
    ['as it is by default', {}],
    ['with automatic pipelines', { enableAutoPipelining: true }],
    ['with a prefix for keys', { keyPrefix: 'app:' }],
    ['not connected yet', { lazyConnect: true }],
  ])('ioredis %s', async (_, options) => {
    await serves(server.client(options))
  })
})

describe('a Cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  beforeEach(() => Promise.all(cluster.nodes.map(({ server }) => server.call('FLUSHALL'))))
  afterAll(() => cluster.stop())

  test.each(libraries)('%s', async (_, library) => {
    await serves(await library.cluster(cluster.nodes.map(({ host, port }) => ({ host, port }))))
  })

  test('ioredis', async () => {
    await serves(cluster.client())
    await Promise.all(cluster.nodes.map(({ server }) => server.call('FLUSHALL')))
    await serves({ cluster: cluster.nodes.map(({ host, port }) => ({ host, port })) })
  })

  test('a node that is away holds up its own namespaces only', async () => {
    const analytics = analyticsOn({ cluster: cluster.nodes.map(({ host, port }) => ({ host, port })) })
    const limiters = Array.from({ length: 8 }, () => limiterOf(0))
    for (const { limiter } of limiters) await consume(limiter, 'bot', 2)
    await analytics.flush()
    const [first] = cluster.nodes
    await first?.server.pause()
    for (const { limiter } of limiters) await consume(limiter, 'bot', 2)
    await analytics.flush()
    expect(analytics.health().reason).toMatch(/./)
    await first?.server.resume()
    await expect
      .poll(async () => {
        await analytics.flush()
        return analytics.health().reason
      })
      .toBeUndefined()
    expect((await analytics.topViolators()).map(({ violations }) => violations)).toEqual(limiters.map(() => 4))
  })
})
