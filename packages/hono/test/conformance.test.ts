import { redisStore } from '@sluice/redis'
import { httpConformance } from '@sluice/testing'
import { startRedis, storePerCase } from '@sluice/testing/redis'
import { remoteAdapter } from '@sluice/testing/runtimes'
import { Hono as oldest } from 'hono-oldest'
import { afterAll } from 'vitest'
import { unsupported } from './app.ts'
import { startServed, startServedOnWorkerd } from './start-runtimes.ts'
import { onNode } from './on-node.ts'

const server = await startRedis()
const bun = await startServed('bun', server.url)
const deno = await startServed('deno', server.url)
const workerd = await startServedOnWorkerd()
afterAll(async () => {
  for (const each of [bun, deno, workerd, server]) await each.stop()
})

httpConformance('Node × memory', onNode())
httpConformance('Node × memory, Hono 4.8', onNode(oldest as never))
httpConformance('Node × Redis', onNode(), { makeStore: storePerCase(server, redisStore) })
httpConformance('Bun × memory', remoteAdapter({ url: bun.url, store: 'memory', unsupported }))
httpConformance('Bun × Redis', remoteAdapter({ url: bun.url, store: 'redis', unsupported }))
httpConformance('Deno × memory', remoteAdapter({ url: deno.url, store: 'memory', unsupported }))
httpConformance('Deno × Redis', remoteAdapter({ url: deno.url, store: 'redis', unsupported }))
// workerd notices a client that leaves before the response only by a reset. No Redis, because a connection belongs to the request that opened it.
httpConformance('workerd × memory', remoteAdapter({ url: workerd.url, store: 'memory', unsupported, abortBy: 'reset' }))
const unsupportedThere = [...unsupported, 'reset of all'] as const
httpConformance(
  'workerd × Durable Objects',
  remoteAdapter({ url: workerd.url, store: 'durable-objects', unsupported: unsupportedThere, abortBy: 'reset' }),
)
