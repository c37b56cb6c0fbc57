// Without Lua: data shared with scripts, races, lost replies, and a server that refuses.
import { concurrency, fixedWindow, slidingLog, slidingWindow, tokenBucket } from '@sluice/core'
import type { Charge, Clock, Limit, Outcome, Store, StoreError } from '@sluice/core'
import { modelProperty } from '@sluice/testing'
import { type RedisServer, startRedis, type TcpProxy, tcpProxy, ttlViolations } from '@sluice/testing/redis'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { keptForTest, scanAfterEach, rawStore, settlesIn } from '../support.ts'

const DAY = 86_400_000

let server: RedisServer
let stores = 0
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
scanAfterEach(() => server.client(), undefined, { hasTestClock: true })

const kept = keptForTest()
const open = (prefix: string, scripting: boolean, url: string = server.url): Store => kept(rawStore({ url }, { prefix, scripting }))

function charge(limit: Limit, more: Partial<Charge> = {}): Charge {
  return { limit, scope: `p+${limit.name}.${limit.algorithm}`, subject: 'hot', cost: 1, ...more }
}
const FIXED = fixedWindow({ name: 'fixed', limit: 150, window: '1d', anchor: 'first' }).limit

describe('data shared with a store that has scripts', () => {
  // The two stores take turns at random in one history. A state that one of them misreads would differ from the model's.
  const make = (clock: Clock): Store => {
    const prefix = `both${++stores}`
    const [lua, bare] = [true, false].map((scripting) => rawStore({ url: server.url }, { prefix, clock, scripting })) as [Store, Store]
    let calls = stores
    const turn = (): Store => ((Math.imul(++calls, 0x9e3779b1) >>> 20) % 2 === 0 ? lua : bare)
    return {
      name: 'redis',
      consume: (charges, options) => turn().consume(charges, options),
      reset: (targets) => turn().reset(targets),
      async close() {
        await lua.close?.()
        await bare.close?.()
      },
    }
  }
  modelProperty('with and without scripts in turns', make, { share: 0.2 })
})

describe('races', () => {
  const limits: readonly Limit[] = [
    FIXED,
    slidingWindow({ name: 'sliding', limit: 150, window: '30d' }).limit,
    slidingLog({ name: 'log', limit: 150, window: '1d' }).limit,
    tokenBucket({ name: 'bucket', limit: 150, window: '30d' }).limit,
    concurrency({ name: 'holders', limit: 150, ttl: '1h' }).limit,
  ]
  const fleets: readonly (readonly [name: string, scripting: readonly boolean[]])[] = [
    ['2 stores', [false, false]],
    ['2 stores, and one with scripts', [false, false, true]],
  ]
  for (const [name, scripting] of fleets) {
    for (const limit of limits) {
      test(`${name}, 32 in flight each, one hot subject: exactly the limit of ${limit.algorithm}`, async () => {
        const prefix = `race${++stores}`
        let left = 400
        const outcomes: Outcome[] = []
        const work = async (store: Store): Promise<void> => {
          while (left-- > 0) outcomes.push(...((await store.consume([charge(limit)])) as Outcome[]))
        }
        await Promise.all(scripting.map((mode) => open(prefix, mode)).flatMap((store) => Array.from({ length: 32 }, () => work(store))))
        expect(outcomes).toHaveLength(400)
        expect(outcomes.filter(({ allowed }) => allowed)).toHaveLength(150)
        const client = server.client()
        expect(
          await ttlViolations(client, { bound: () => 60 * DAY, ignore: (key) => key.endsWith(':{meta}') || !key.startsWith(prefix) }),
        ).toEqual([])
        client.disconnect()
      })
    }
  }
})

describe('a server and a network that fail', () => {
  let proxy: TcpProxy
  beforeEach(async () => {
    proxy = await tcpProxy(server)
  })
  afterEach(() => proxy.close())
  const through = (prefix: string): Store => open(prefix, false, `redis://${proxy.host}:${proxy.port}`)
  const isCommit = (request: Buffer): boolean => /\r\nexec\r\n/i.test(request.toString('latin1'))

  test('trap: the reply of a commit is lost: unknown, and a count of exactly 1', async () => {
    const prefix = `lost${++stores}`
    const store = through(prefix)
    await store.consume([charge(FIXED)], { how: 'peek' })
    proxy.loseReplies({ after: isCommit })
    const error = await failure(store.consume([charge(FIXED)]))
    expect(error).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: true })
    const [outcome] = await store.consume([charge(FIXED)], { how: 'peek' })
    expect(outcome?.remaining).toBe(149)
  })

  test('the reply of a read is lost: nothing has run, and nothing is charged', async () => {
    const store = through(`look${++stores}`)
    await store.consume([charge(FIXED)], { how: 'peek' })
    proxy.loseReplies()
    expect(await failure(store.consume([charge(FIXED)]))).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: false })
    const [outcome] = await store.consume([charge(FIXED)])
    expect(outcome?.remaining).toBe(149)
  })

  test('a connection lost after the read loses its WATCH: no commit on another connection', async () => {
    const prefix = `gone${++stores}`
    const store = through(prefix)
    const other = open(prefix, true)
    await store.consume([charge(FIXED)])
    const remove = proxy.onRequest(async (request) => {
      if (!isCommit(request)) return
      remove()
      await other.consume([charge(FIXED, { cost: 100 })])
      proxy.cut()
    })
    await failure(store.consume([charge(FIXED)]))
    const [outcome] = await other.consume([charge(FIXED)], { how: 'peek' })
    expect(outcome?.remaining).toBe(150 - 101)
  })

  test('after too many lost races the decision rejects, and nothing was charged', async () => {
    const prefix = `loser${++stores}`
    const store = through(prefix)
    const other = open(prefix, true)
    await store.consume([charge(FIXED)])
    let races = 0
    const remove = proxy.onRequest(async (request) => {
      if (!isCommit(request)) return
      races += 1
      await other.consume([charge(FIXED)])
    })
    const error = await failure(store.consume([charge(FIXED, { cost: 3 })]))
    expect(error).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: false })
    expect(error.message).toMatch(/lost the race for its keys in \d+ tries; nothing was charged/)
    remove()
    const [outcome] = await other.consume([charge(FIXED)], { how: 'peek' })
    expect(outcome?.remaining).toBe(149 - races)
  })

  test('a server that stalls: later decisions wait no longer than the first', async () => {
    const store = through(`stall${++stores}`)
    await store.consume([charge(FIXED)])
    proxy.blackHole(true)
    const first = failure(settlesIn(1_900, store.consume([charge(FIXED)])))
    await new Promise(setImmediate)
    const behind = [1, 2, 3].map(() => failure(settlesIn(1_900, store.consume([charge(FIXED)]))))
    for (const error of await Promise.all([first, ...behind]))
      expect(error).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: false })
    proxy.blackHole(false)
    expect((await store.consume([charge(FIXED)]))[0]?.remaining).toBe(148)
  })

  test('out of memory: nothing is charged, and the next decision is made', async () => {
    const store = through(`oom${++stores}`)
    await store.consume([charge(FIXED)])
    await server.call('CONFIG', 'SET', 'maxmemory', '1')
    try {
      expect(await failure(store.consume([charge(FIXED)]))).toMatchObject({ answer: 'oom', unknown: false })
    } finally {
      await server.call('CONFIG', 'SET', 'maxmemory', '0')
    }
    expect((await store.consume([charge(FIXED)]))[0]?.remaining).toBe(148)
  })

  test('trap: a state of another type, or one that cannot be read, counts as absent and is reported', async () => {
    const prefix = `garbage${++stores}`
    const store = through(prefix)
    const codes: string[] = []
    store.subscribe?.(({ type, ...event }) => type === 'anomaly' && 'code' in event && codes.push(event.code))
    await store.consume([charge(FIXED)])
    const [key] = (await server.call('KEYS', `${prefix}:{*}:p:*`)) as string[] as [string]
    await server.call('SET', key, '12:nothing')
    expect((await store.consume([charge(FIXED)]))[0]?.remaining).toBe(149)
    expect(codes).toEqual(['ANOMALY_STATE_UNREADABLE'])
    await server.call('DEL', key)
    await server.call('RPUSH', key, 'x')
    expect((await store.consume([charge(FIXED)]))[0]?.remaining).toBe(149)
    expect(await server.call('PTTL', key)).toBeGreaterThan(0)
  })

  test('trap: 64 charges of one subject in one batch, and a bad decision among them', async () => {
    const store = through(`batch${++stores}`)
    const five = fixedWindow({ name: 'five', limit: 5, window: '1d', anchor: 'first' }).limit
    await store.consume([charge(five)], { how: 'peek' })
    const asked = Array.from({ length: 64 }, () => store.consume([charge(five)]))
    const bad = failure(store.consume([charge(five, { cost: -1, receipt: 'no such' as never })]))
    const outcomes = await Promise.all(asked)
    expect(outcomes.filter(([outcome]) => outcome?.allowed)).toHaveLength(5)
    expect(await bad).toMatchObject({ code: 'ERR_RECEIPT_INVALID' })
  })

  test('close() ends the connection, and later calls reject', async () => {
    const store = through(`closed${++stores}`)
    await store.consume([charge(FIXED)])
    await store.close?.()
    await expect.poll(() => proxy.connections).toBe(0)
    expect(await failure(store.consume([charge(FIXED)]))).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: false })
  })

  test("the caller's client keeps its own connection, and must have duplicate()", async () => {
    const client = server.client()
    const store = rawStore(client, { prefix: `own${++stores}`, scripting: false })
    expect((await store.consume([charge(FIXED)]))[0]?.remaining).toBe(149)
    await store.close?.()
    expect(await client.ping()).toBe('PONG')
    client.disconnect()
    for (const other of [{ callBuffer: () => 1, options: {} } as never, createClient()])
      expect(() => rawStore(other, { scripting: false })).toThrow('opens a connection for WATCH')
  })
})

/** The code and the message with which it is refused. */
async function failure(asked: ReturnType<Store['consume']>): Promise<StoreError> {
  try {
    await asked
  } catch (error) {
    return error as StoreError
  }
  throw new Error('expected it to be refused with an error')
}
