// The contract of a policy source, on Redis behind a proxy.
import { publishPolicy, redisSource } from '@sluice/redis'
import { policySourceConformance } from '@sluice/testing'
import { type RedisServer, startRedis, tcpProxy } from '@sluice/testing/redis'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, onTestFinished } from 'vitest'

let server: RedisServer
let admin: Redis
let opened = 0
beforeAll(async () => {
  server = await startRedis()
  admin = server.client()
})
afterAll(() => server.stop())

policySourceConformance(
  'Redis',
  async () => {
    const key = `policies-${(opened += 1)}`
    const proxy = await tcpProxy(server)
    const source = redisSource({ url: `redis://${proxy.host}:${proxy.port}` }, { key })
    onTestFinished(async () => {
      await source.close?.()
      await proxy.close()
    })
    let revision = 0
    return {
      source,
      keys: ['shop', 'other'],
      put: (namespace, text) => publishPolicy(admin, { key, namespace, revision: (revision += 1), text }),
      cut: () => proxy.cut(),
      away: (isAway) => proxy.refuse(isAway),
      forget: () => admin.xtrim(`{${key}}:changes`, 'MAXLEN', 0),
    }
  },
  { removes: false },
)
