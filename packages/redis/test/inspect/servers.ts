import { type RedisCluster, type RedisServer, startCluster, startRedis } from '@sluice/testing/redis'
import { afterAll, afterEach } from 'vitest'
import { closeClients } from '../clients/clients.ts'

/** A server, which each test finds empty, and a cluster, until the tests of the file have ended. */
export async function startServers(): Promise<readonly [RedisServer, RedisCluster]> {
  const [server, cluster] = await Promise.all([startRedis(), startCluster({ primaries: 3 })])
  afterEach(async () => {
    await closeClients()
    await server.call('FLUSHALL')
  })
  afterAll(() => Promise.all([server.stop(), cluster.stop()]))
  return [server, cluster]
}
