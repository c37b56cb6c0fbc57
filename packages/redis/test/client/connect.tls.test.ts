// A server with TLS and a password, by a client of the store and by a client of the caller.
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { charge, failure, eventsOf, took, scanAfterEach, rawStore } from '../support.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis({ tls: true, password: 'p@ss:/#word' })
})
afterAll(() => server.stop())
scanAfterEach(() => server.client())

test('a store with its own client: the password in the URL, the certificate authority in the options', async () => {
  expect(server.url).toMatch(/^rediss:/)
  const store = rawStore({ url: server.url, options: { tls: server.options.tls ?? {} } })
  expect(eventsOf(store)).toEqual([])
  expect(await took(store, charge('a'))).toMatchObject({ allowed: true, remaining: 9 })
  await store.close?.()
})

test('a client of yours', async () => {
  const store = rawStore(server.client())
  expect(await took(store, charge('b'))).toMatchObject({ allowed: true, remaining: 9 })
  await store.close?.()
})

test('a wrong password, an untrusted authority: decisions reject, and no error is unhandled', async () => {
  const wrong = rawStore({ url: server.url.replace('p%40ss', 'pass'), options: { tls: server.options.tls ?? {} } })
  const untrusted = rawStore({ url: server.url })
  const failures = await Promise.all([wrong, untrusted].map((store) => failure(took(store, charge('a')))))
  for (const one of failures) expect(one).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: false })
  await Promise.all([wrong, untrusted].map((store) => store.close?.()))
})
