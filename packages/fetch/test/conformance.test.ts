import { redisStore } from '@sluice/redis'
import { httpConformance } from '@sluice/testing'
import { startRedis, storePerCase } from '@sluice/testing/redis'
import { remoteAdapter, startRuntime } from '@sluice/testing/runtimes'
import { startWorkerd } from '@sluice/testing/workerd'
import { afterAll } from 'vitest'
import { unsupported } from './app.ts'
import { onNode } from './on-node.ts'

const program = (name: string) => new URL(`./served-${name}.ts`, import.meta.url)
const server = await startRedis()
const bun = await startRuntime('bun', program('bun'), [server.url])
const deno = await startRuntime('deno', program('deno'), [server.url])
// Without the flag, a worker does not learn that its client has disconnected before the response.
const workerd = await startWorkerd({
  entry: program('workerd'),
  objects: { LIMITS: 'Limits' },
  compatibilityFlags: ['enable_request_signal'],
})
afterAll(async () => {
  for (const each of [bun, deno, workerd, server]) await each.stop()
})

httpConformance('Node × memory', onNode)
httpConformance('Node × Redis', onNode, { makeStore: storePerCase(server, redisStore) })
httpConformance('Bun × memory', remoteAdapter({ url: bun.url, store: 'memory', unsupported }))
httpConformance('Bun × Redis', remoteAdapter({ url: bun.url, store: 'redis', unsupported }))
httpConformance('Deno × memory', remoteAdapter({ url: deno.url, store: 'memory', unsupported }))
httpConformance('Deno × Redis', remoteAdapter({ url: deno.url, store: 'redis', unsupported }))
// A client that leaves while nothing is sent is noticed there only by a reset. No Redis: a connection belongs to the request that opened it.
httpConformance('workerd × memory', remoteAdapter({ url: workerd.url, store: 'memory', unsupported, abortBy: 'reset' }))
const unsupportedThere = [...unsupported, 'reset of all'] as const
httpConformance(
  'workerd × Durable Objects',
  remoteAdapter({ url: workerd.url, store: 'durable-objects', unsupported: unsupportedThere, abortBy: 'reset' }),
)
