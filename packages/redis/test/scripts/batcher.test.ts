// One turn of the event loop sends one command. The server itself counts the commands.
import { fixedWindow, type Store } from '@sluice/core'
import { type RedisServer, startRedis, type TcpProxy, tcpProxy } from '@sluice/testing/redis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { charge, eventsOf, SIX, take, TEN, took, used, scanAfterEach, rawStore } from '../support.ts'

let server: RedisServer
let proxy: TcpProxy
let store: Store
/** The bytes of the commands that were sent. */
let sizes: number[] = []
beforeAll(async () => {
  server = await startRedis()
  proxy = await tcpProxy(server)
  store = rawStore({ url: `redis://${proxy.host}:${proxy.port}` })
})
afterAll(async () => {
  await store.close?.()
  await proxy.close()
  await server.stop()
})
scanAfterEach(() => server.client())
beforeEach(async () => {
  await server.call('FLUSHALL')
  // The server has both scripts.
  await took(store, charge('warm'))
  await used(store, 'warm')
  await server.call('CONFIG', 'RESETSTAT')
  sizes = []
})

async function calls(command = 'evalsha'): Promise<number> {
  const stats = String(await server.call('INFO', 'commandstats'))
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

const many = (limit: number) => fixedWindow({ name: 'many', limit, window: '1m', anchor: 'first' }).limit

describe('one turn of the event loop', () => {
  test('is one command, which reads the clock once and the keys once', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, i) => take(store, SIX.map((limit) => charge(`s${i % 2}`, limit)).slice(0, 3))))
    expect([await calls(), await calls('time'), await calls('mget'), await calls('eval')]).toEqual([1, 1, 1, 0])
  })

  test('is two commands if some decisions do more than take units; decisions that share a key with those go with them', async () => {
    const [plain, shared, forced] = await Promise.all([
      took(store, charge('a')),
      take(store, [charge('b'), charge('c')]),
      take(store, charge('b'), { how: 'force' }),
      took(store, charge('c')),
    ])
    expect([await calls(), await calls('eval')]).toEqual([2, 0])
    expect([plain, shared[1], forced[0]].map((outcome) => outcome?.remaining)).toEqual([9, 9, 8])
    expect(await used(store, 'c')).toBe(2)
  })

  test('sends nothing while eight commands are in flight; what has gathered leaves with the first reply', async () => {
    proxy.blackHole(true)
    const turns: Promise<unknown>[] = []
    for (let i = 0; i < 60; i++) {
      turns.push(took(store, charge(`s${i}`)))
      await new Promise((resolve) => setImmediate(resolve))
    }
    proxy.blackHole(false)
    await Promise.all(turns)
    expect(await calls()).toBe(9)
    expect(await Promise.all(Array.from({ length: 60 }, (_, i) => used(store, `s${i}`)))).toEqual(Array.from({ length: 60 }, () => 1))
  })

  test('is one command also when its requests come in several callbacks', async () => {
    const asked: Promise<unknown>[] = []
    await new Promise<void>((resolve) => {
      process.nextTick(() => asked.push(took(store, charge('a'))))
      queueMicrotask(() => asked.push(took(store, charge('b'))))
      asked.push(took(store, charge('c')))
      queueMicrotask(() => queueMicrotask(resolve))
    })
    await Promise.all(asked)
    expect(await calls()).toBe(1)
  })

  test('keeps the order: charges, force, peeks, give-backs and resets of one subject', async () => {
    const limit = many(3)
    const first = await took(store, charge('a', limit))
    const [a, b, c, d, e, , f, g] = await Promise.all([
      took(store, charge('a', limit, 2)),
      took(store, charge('a', limit)),
      take(store, charge('a', limit, 2), { how: 'force' }),
      took(store, { ...charge('a', limit, -1), receipt: first.receipt }),
      take(store, charge('a', limit), { how: 'peek' }),
      store.reset([charge('a', limit)]),
      took(store, charge('a', limit)),
      take(store, charge('a', limit, 5), { atLeast: 1 }),
    ])
    expect([a.allowed, b.allowed, c[0]?.allowed, d.granted, e[0]?.allowed]).toEqual([true, false, true, -1, false])
    expect([f.remaining, g[0]?.granted, g[0]?.remaining]).toEqual([2, 2, 0])
    expect(await calls()).toBe(2)
  })

  test('a refusal and a peek write nothing', async () => {
    await take(
      store,
      SIX.map((limit) => charge('a', limit, limit.algorithm === 'concurrency' ? 1 : 10)),
    )
    const writes = async () => Promise.all(['set', 'zadd', 'pexpireat', 'del', 'zrem', 'setrange'].map((command) => calls(command)))
    // One value, one log, and one set of holders.
    expect(await writes()).toEqual([2, 1, 1, 0, 0, 0])
    const refused = await Promise.all(SIX.slice(0, 5).map((limit) => took(store, charge('a', limit))))
    await take(
      store,
      SIX.map((limit) => charge('b', limit)),
      { how: 'peek' },
    )
    expect(refused.some(({ allowed }) => allowed)).toBe(false)
    expect(await writes()).toEqual([2, 1, 1, 0, 0, 0])
  })
})

describe('a batch is bounded', () => {
  test('64 decisions', async () => {
    const limit = many(1_000)
    const outcomes = await Promise.all(Array.from({ length: 200 }, () => took(store, charge('a', limit))))
    expect(outcomes.map(({ remaining }) => remaining)).toEqual(Array.from({ length: 200 }, (_, i) => 999 - i))
    expect(await calls()).toBe(4)
  })

  test('192 charges', async () => {
    const limits = Array.from({ length: 10 }, (_, i) => ({ ...many(1_000), name: `l${i}` }))
    await Promise.all(
      Array.from({ length: 40 }, () =>
        take(
          store,
          limits.map((limit) => charge('a', limit)),
        ),
      ),
    )
    // A command has 19 decisions of 10 charges.
    expect(await calls()).toBe(3)
    expect(await used(store, 'a', limits[9])).toBe(40)
  })

  test('32 kB', async () => {
    const stop = proxy.onRequest((bytes) => void sizes.push(bytes.length))
    const long = (i: number) => ({ ...charge(`${i}`.padEnd(64, 'x')), scope: `p/${'s'.repeat(400)}/${i}` })
    const outcomes = await Promise.all(Array.from({ length: 192 }, (_, i) => take(store, [long(i), long(i + 1_000)])))
    stop()
    expect(outcomes.flat().every(({ remaining }) => remaining === 9)).toBe(true)
    const sent = sizes.reduce((sum, size) => sum + size)
    expect(await calls()).toBeGreaterThanOrEqual(Math.ceil(sent / 32_768))
    expect(await calls()).toBeLessThan(sent / 32_768 + 5)
  })

  test('a batch of one decision runs the same script', async () => {
    await took(store, charge('a', TEN))
    expect([await calls(), await calls('eval')]).toEqual([1, 0])
  })
})

// The verdict in the reply of a real server is changed on its way. In a reply of the full script, 2 is that of a blocked subject.
describe('a verdict that is not that of the states rejects, and is reported', () => {
  test.each([
    ['charge', 0],
    ['peek', 0],
    ['peek', 2],
    ['force', 2],
  ] as const)('%s: %i', async (how, verdict) => {
    const client = server.client()
    const call = client.callBuffer.bind(client) as (...command: readonly unknown[]) => Promise<unknown>
    const callBuffer = async (...command: readonly unknown[]) => {
      const reply = await call(...command)
      if (command[0] !== 'evalsha' || !Array.isArray(reply) || reply.length < 5) return reply
      const [answer] = reply.slice(4) as [Buffer | readonly unknown[]]
      const changed = Buffer.isBuffer(answer) ? Buffer.from([48 + verdict, ...answer.subarray(1)]) : [verdict, ...answer.slice(1)]
      return [...reply.slice(0, 4), changed]
    }
    Object.assign(client, { callBuffer })
    const changing = rawStore(client)
    const events = eventsOf(changing)
    await expect(take(changing, charge('a'), { how })).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    expect(events.filter(({ type }) => type === 'anomaly')).toMatchObject([
      { code: 'ANOMALY_VERDICT', message: expect.stringContaining('Redis refused') },
    ])
  })
})
