import { type RedisServer, startRedis, tcpProxy } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { lastErrorOf } from '../../src/client/last-error.ts'
import { requireReady } from '../../src/client/ready.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

test('a client that connects again and again has one reason', async () => {
  const proxy = await tcpProxy(server)
  onTestFinished(() => proxy.close())
  proxy.blackHole(true)
  const connection = connect({ url: `redis://${proxy.host}:${proxy.port}` })
  onTestFinished(() => connection.client.disconnect())
  await expect.poll(() => lastErrorOf(connection.client)).toBeDefined()
  const reasons = new Set<string>()
  const statuses = new Set<string>()
  while (statuses.size < 2) {
    await requireReady(connection, 20).catch((error: Error) => reasons.add(error.message))
    statuses.add(connection.client.status)
  }
  expect([...reasons]).toEqual([expect.stringMatching(/^the connection is not ready: /)])
})
