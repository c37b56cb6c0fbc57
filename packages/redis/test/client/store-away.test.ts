// D04: a store that is away says why, in the words of the server or of the client.
import { createLimiter, slidingWindow, type StoreEvent } from '@sluice/core'
import { redisStore, type RedisSource } from '@sluice/redis'
import { type RedisServer, startCluster, startRedis, waitUntil } from '@sluice/testing/redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { slotOf } from '../../src/slots.ts'
import { charge, failure, keptForTest, rawStore, took } from '../support.ts'

let server: RedisServer
const clients: Redis[] = []
beforeAll(async () => {
  server = await startRedis()
})
const kept = keptForTest(async () => {
  for (const client of clients.splice(0)) client.disconnect()
  await server.call('CONFIG', 'SET', 'requirepass', '').catch(() => undefined)
})
afterAll(() => server.stop())

const limits = [slidingWindow({ name: 'a', limit: 10, window: '1m' })]

/** The warnings of a store that no request asks: they must come within 2 s of the start. */
async function warned(source: RedisSource): Promise<readonly string[]> {
  const warnings: string[] = []
  const store = kept(redisStore(source))
  const warning = (event: StoreEvent): unknown =>
    event.type === 'warning' && event.code.startsWith('WARN_STORE') && warnings.push(event.message)
  createLimiter({ limits, store, on: { warning } })
  await waitUntil('a warning', () => warnings.length > 0, 2_000)
  return warnings
}

/** The error of a store without failover, and its cause. */
async function rejected(source: RedisSource): Promise<{ reason?: string; cause?: Error }> {
  const store = kept(rawStore(source))
  return (await failure(took(store, charge('a')))) as { reason?: string; cause?: Error }
}

async function says(words: RegExp, source: () => RedisSource): Promise<void> {
  expect((await warned(source()))[0]).toMatch(words)
  const error = await rejected(source())
  expect(error).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', reason: expect.stringMatching(words) })
  expect(error.cause).toBeInstanceOf(Error)
}

test('D04: nothing listens', () => says(/connect ECONNREFUSED 127\.0\.0\.1:1\b/, () => ({ url: 'redis://127.0.0.1:1' })))

test('D04: an unknown host', () =>
  says(/getaddrinfo (ENOTFOUND|EAI_AGAIN) no-such-host\.invalid/, () => ({ url: 'redis://no-such-host.invalid' })))

test('D04: a wrong password, and none', async () => {
  await server.call('CONFIG', 'SET', 'requirepass', 'right')
  try {
    await says(/WRONGPASS invalid username-password pair/, () => ({ url: `redis://:wrong@${server.host}:${server.port}` }))
    await says(/NOAUTH/, () => ({ url: server.url }))
  } finally {
    const client = new Redis({ host: server.host, port: server.port, password: 'right' })
    await client.config('SET', 'requirepass', '')
    client.disconnect()
  }
})

test('D04: TLS to a plain port', () =>
  says(/connect ETIMEDOUT; the client uses TLS, so check that the port does/, () => ({ url: `rediss://${server.host}:${server.port}` })))

test('D04: no TLS to a port with TLS, and a certificate that nobody trusts', async () => {
  const secure = await startRedis({ tls: true })
  try {
    await says(/read ECONNRESET|connection is not ready/, () => ({ url: secure.url.replace('rediss:', 'redis:') }))
    await says(/self-signed certificate|unable to verify/, () => ({ url: secure.url }))
  } finally {
    await secure.stop()
  }
})

test('D04: a client that gave up', () =>
  says(/ECONNREFUSED.*; the client has ended, and does not connect again/, () => {
    const client = new Redis({ host: '127.0.0.1', port: 1, retryStrategy: null })
    clients.push(client)
    return client
  }))

test('D04: { url } of a node of a Cluster', async () => {
  const cluster = await startCluster()
  try {
    const words = /MOVED \d+ .*: this server is a node of a Cluster; use redisStore\(\{ cluster \}\)/
    const other = cluster.nodes[((await cluster.ownerOf(slotOf('meta'))) + 1) % 3]!
    await says(words, () => ({ url: other.server.url }))
  } finally {
    await cluster.stop()
  }
})

test('D04: a Redis that dies and is back: one line each', async () => {
  const events: StoreEvent[] = []
  const store = redisStore({ url: server.url })
  kept(store)
  store.subscribe?.((event) => events.push(event))
  const codes = (): readonly string[] =>
    events.flatMap((event) => ('code' in event && event.code.startsWith('WARN_STORE') ? [event.code] : []))
  await waitUntil('Redis to decide', async () => (await took(store, charge('a'))).source === 'redis')
  await server.kill()
  await waitUntil('a warning', async () => (await took(store, charge('a')), codes().length > 0))
  expect(store.health?.().cause).toMatch(/connection|connect/i)
  await server.restart()
  await waitUntil('the end', async () => (await took(store, charge('a')), codes().includes('WARN_STORE_BACK')))
  expect(codes().filter((code) => code === 'WARN_STORE_BACK')).toHaveLength(1)
  expect(store.health?.().cause).toBeUndefined()
})
