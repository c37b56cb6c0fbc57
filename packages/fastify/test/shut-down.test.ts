import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { expect, test } from 'vitest'
import { createHook, memoryStore, rateLimit, type Store } from '../src/index.ts'

/** A store that records when it is closed. */
function recording(log: string[], name = 'store'): Store {
  return Object.assign(memoryStore(), { close: () => void log.push(`${name} closed`) })
}

test('D03: app.close() ends the requests, then closes the stores of the plugin and of its routes', async () => {
  const log: string[] = []
  const app = fastify()
  await app.register(rateLimit, { store: recording(log) })
  app.get('/own', { config: { rateLimit: { limit: 5, store: recording(log, 'own') } } }, () => 'own')
  let end = (): void => undefined
  app.get('/slow', async (_request, reply) => {
    await new Promise<void>((resolve) => (end = resolve))
    log.push(`answered, ${reply.getHeader('x-ratelimit-remaining') as string} left`)
    return 'slow'
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const started = once(app.server, 'request')
  const answer = fetch(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}/slow`, { headers: { connection: 'close' } })
  await started
  const closed = app.close()
  await new Promise((resolve) => setImmediate(resolve))
  expect(log).toEqual([])
  end()
  await closed
  expect((await answer).status).toBe(200)
  expect(log).toEqual(['answered, 99 left', 'store closed', 'own closed'])
})

test('D03: close: false keeps the store open, and the names of the limiters are free again', async () => {
  const log: string[] = []
  const store = recording(log)
  for (const limit of [5, 6]) {
    const app = fastify()
    await app.register(rateLimit, { limit, store, close: false })
    app.get('/', () => 'ok')
    expect((await app.inject('/')).headers['x-ratelimit-limit']).toBe(String(limit))
    await app.close()
  }
  expect(log).toEqual([])
})

test('D03: a limiter that the plugin was given is closed, unless it stays open', async () => {
  const log: string[] = []
  for (const close of [true, false]) {
    const { limiter } = createHook({ limit: 5 })
    const given = Object.assign(Object.create(limiter) as typeof limiter, { close: () => void log.push(`close: ${close}`) })
    const app = fastify()
    await app.register(rateLimit, { limiter: given, close })
    await app.close()
  }
  expect(log).toEqual(['close: true'])
})
