// One module exports the limits of an application, and a script shares them: what the app counted, the script sees, resets and blocks.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createLimiter, type KeyOf, type LimitRule, type Store, type Subject } from '@sluice/core'
import { body, cookie, fixedWindow, header, ip, memoryStore, rateLimit, route, user } from '@sluice/express'
import { redisStore } from '@sluice/redis'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import express, { type Request } from 'express'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

interface Shared {
  readonly name: string
  readonly limits: readonly LimitRule<string, Request>[]
  readonly key?: KeyOf<Request>
  readonly ipv6Prefix?: number
}
interface Sent {
  readonly headers?: Record<string, string>
  readonly fields?: object
}

const hour = (name: string, key?: KeyOf<Request>) => fixedWindow({ name, limit: 10, window: '1h', key })
const customerOf = (req: Request) => req.get('x-customer')
const from = (address: string): Sent => ({ headers: { 'x-forwarded-for': address } })
const as = (name: string, value: string): Sent => ({ headers: { [name]: value } })

// The limits, what the client sends, and what the operator types.
const CASES: readonly (readonly [string, Omit<Shared, 'name'>, Sent, Subject<string>])[] = [
  ['ip(), IPv4', { limits: [hour('h', ip())] }, from('192.0.2.1'), '::ffff:192.0.2.1'],
  ['ip(), IPv6', { limits: [hour('h', ip())] }, from('2001:db8:0:1ff::1'), '2001:DB8:0:1ab::9'],
  ['ip(), ipv6Prefix', { limits: [hour('h')], key: ip(), ipv6Prefix: 48 }, from('2001:db8:0:1ff::1'), '2001:db8:0:9::9'],
  [
    'ip(read)',
    {
      limits: [
        hour(
          'h',
          ip((req: Request) => req.get('x-edge')),
        ),
      ],
    },
    as('x-edge', '[2001:db8::1]:80'),
    '2001:db8::7',
  ],
  ['header', { limits: [hour('h', header('x-api-key'))] }, as('x-api-key', '~a:b\\c'), ['~a:b\\c']],
  ['header that is missing', { limits: [hour('h', header('x-api-key'))] }, from('192.0.2.1'), '~ip:192.0.2.1'],
  ['cookie', { limits: [hour('h', cookie('session'))] }, as('cookie', 'session="s1"'), 's1'],
  ['body, lower', { limits: [hour('h', body('email', { lower: true }))] }, { fields: { email: ' Bob@X.de' } }, 'BOB@x.de'],
  ['route', { limits: [hour('h', route())] }, {}, 'POST /users/:id'],
  ['user', { limits: [hour('h', user(customerOf))] }, as('x-customer', 'alice:1'), 'alice:1'],
  ['function', { limits: [hour('h')], key: customerOf }, as('x-customer', 'alice:1'), 'alice:1'],
  [
    'list',
    { limits: [hour('h')], key: [header('x-customer'), ip(), route(), customerOf] },
    { headers: { 'x-customer': 'a:b', 'x-forwarded-for': '2001:db8::1' } },
    ['a:b', '2001:db8::2', 'POST /users/:id', 'a:b'],
  ],
  [
    'a key for each limit',
    { limits: [hour('account', body('email', { lower: true })), hour('address', ip()), hour('customer')], key: customerOf },
    { headers: { 'x-customer': 'alice', 'x-forwarded-for': '2001:db8::1' }, fields: { email: 'Bob@x.de' } },
    { account: 'bob@X.de', address: '2001:db8::2', customer: 'alice' },
  ],
]

let redis: RedisServer
beforeAll(async () => void (redis = await startRedis()))
afterAll(() => redis.stop())

/** The store of the application and that of the script. */
const STORES: readonly (readonly [string, (name: string) => readonly [Store, Store]])[] = [
  [
    'one memory store',
    () => {
      const store = memoryStore()
      return [store, store]
    },
  ],
  [
    'Redis',
    (prefix) => [
      // Without failover, a slow machine does not let the app count locally. Without its deny cache, the app sees a reset at once.
      redisStore({ url: redis.url }, { prefix, failover: false, denyCache: false }),
      redisStore({ url: redis.url }, { prefix, failover: false }),
    ],
  ],
]

describe.each(STORES)('newcomer 10: a script shares the limits of the app, over %s', (_, storesOf) => {
  it.each(CASES)('%s', async (_title, limits, { headers = {}, fields = {} }, subject) => {
    const shared: Shared = { name: 'api', ...limits }
    const [appStore, scriptStore] = storesOf(`shared-${CASES.findIndex(([, each]) => each === limits)}`)
    const on = { warning: () => undefined }
    const app = express()
    const limited = rateLimit({ ...shared, store: appStore, trustProxy: 1, on })
    app.post('/users/:id', express.json(), limited, (req, res) => void res.json({ remaining: req.rateLimit?.remaining }))
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const request = async () => {
      const response = await fetch(`http://127.0.0.1:${port}/users/7`, {
        method: 'POST',
        headers: { 'x-forwarded-for': '198.51.100.9', 'content-type': 'application/json', ...headers },
        body: JSON.stringify(fields),
      })
      return response.ok ? ((await response.json()) as { remaining: number }).remaining : response.status
    }
    const script = createLimiter({ ...shared, store: scriptStore, on })
    try {
      expect([await request(), await request()]).toEqual([9, 8])
      expect(await script.peek(subject)).toMatchObject({ remaining: 8, verdict: 'allowed' })
      expect(await script.consume(subject, { cost: 3 })).toMatchObject({ remaining: 5 })
      expect(await request()).toBe(4)
      expect(await script.penalize(subject, { cost: 5 })).toMatchObject({ remaining: 0 })
      expect(await request()).toBe(429)
      expect(await script.reset(subject)).toBe(true)
      expect(await request()).toBe(9)
      await script.block(subject, '1h')
      expect(await request()).toBe(429)
      expect(await script.unblock(subject)).toBe(true)
      expect(await request()).toBe(8)
      expect(await limited.limiter.peek(subject)).toMatchObject({ remaining: 8 })
    } finally {
      server.close()
      server.closeAllConnections()
      await script.close()
      for (const store of new Set([appStore, scriptStore])) await store.close?.()
    }
  })
})
