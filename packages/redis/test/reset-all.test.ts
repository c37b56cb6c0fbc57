// resetAll() over Redis, with stores that do not know of each other, as those of other processes.
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { concurrency, createLimiter, type Decision, fixedWindow, type Store } from '@sluice/core'
import { redisStore, type RedisStoreOptions } from '@sluice/redis'
import { waitUntil } from '@sluice/testing'
import { type RedisCluster, type RedisServer, startCluster, startRedis, tcpProxy } from '@sluice/testing/redis'
import { Redis as Iovalkey } from 'iovalkey'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asAnotherProcess } from './support.ts'

const LIMITS = [fixedWindow({ name: 'day', limit: 50, window: '1d' })]
/** ms for which a process may use the generation before. */
const BOUND = 1_000

let server: RedisServer
let cluster: RedisCluster
beforeAll(async () => {
  ;[server, cluster] = await Promise.all([startRedis(), startCluster()])
})
/** Closed at the end: the tests run at the same time, since each waits for two seconds. */
const stores: Store[] = []
function kept<T extends Store>(store: T): T {
  stores.push(store)
  return store
}
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close?.()))
  await Promise.all([server.stop(), cluster.stop()])
})

/** ms for which a decision waits for Redis. On a busy machine the default is not enough, and the process decides by its local share. */
const PATIENT = { deadline: 500 }

let prefixes = 0
function processes(options: RedisStoreOptions, count: number, source: object = { url: server.url }) {
  const prefix = `all${++prefixes}`
  return Array.from({ length: count }, () => {
    const store = asAnotherProcess(() => redisStore(source as never, { prefix, failover: PATIENT, ...options }))
    kept(store)
    return { store, limiter: createLimiter({ name: 'api', store, limits: LIMITS }) }
  }) as [{ store: Store; limiter: ReturnType<typeof limiterOf> }, ...{ store: Store; limiter: ReturnType<typeof limiterOf> }[]]
}
const limiterOf = (store: Store) => createLimiter({ name: 'api', store, limits: LIMITS })
const usedOf = ({ outcomes }: Decision): number | undefined => outcomes[0]?.used

const kinds: readonly (readonly [name: string, options: RedisStoreOptions, isCluster: boolean])[] = [
  ['scripts', {}, false],
  ['without failover and deny cache', { failover: false, denyCache: false }, false],
  ['transactions', { scripting: false }, false],
  ['packed', { packed: { subjects: 1_000 } }, false],
  ['leases', { leases: { hot: 10 } }, false],
  ['a cluster', {}, true],
]

describe.concurrent.each(kinds)('Pf: resetAll, %s', (_, options, isCluster) => {
  const source = () => (isCluster ? { cluster: cluster.nodes.map(({ host, port }) => ({ host, port })) } : { url: server.url })

  test('ends blocks in every process, and a later block holds in every process', async () => {
    const [own, other] = processes(options, 2, source())
    await own.limiter.block('ann', '1h')
    expect(await other!.limiter.consume('ann')).toMatchObject({ verdict: 'blocked' })
    await own.limiter.resetAll()
    expect(await other!.limiter.consume('ann')).toMatchObject({ verdict: 'allowed', remaining: 49 })
    expect(await own.limiter.unblock('ann')).toBe(false)
    await other!.limiter.block('ann', '1h')
    expect(await own.limiter.consume('ann')).toMatchObject({ verdict: 'blocked' })
    expect(await own.limiter.unblock('ann')).toBe(true)
  })

  test('when it has resolved, no process decides by an old state, be it busy or idle', async () => {
    const [own, busy, idle] = processes(options, 3, source())
    const subjects = Array.from({ length: 20 }, (__, i) => `s${i}`)
    for (const subject of subjects) await own.limiter.consume(subject, { cost: 50 })
    expect(await idle!.limiter.consume('s0')).toMatchObject({ allowed: false })
    let isDone = false
    let hasResolved = false
    const late: Decision[] = []
    const load = (async () => {
      for (let i = 0; !isDone; i++) {
        const isLate = hasResolved
        const decision = await busy!.limiter.consume(subjects[i % 20] as string)
        if (isLate) late.push(decision)
        await sleep(20)
      }
    })()
    await own.limiter.resetAll()
    hasResolved = true
    // The process that called resetAll, one that has waited since before, and one that was never idle.
    expect(await idle!.limiter.consume('s19')).toMatchObject({ allowed: true })
    expect(await own.limiter.consume('s18')).toMatchObject({ allowed: true })
    await waitUntil('six decisions of the busy process', () => late.length > 5)
    isDone = true
    await load
    expect(late.every(({ allowed }) => allowed)).toBe(true)
  }, 20_000)
})

// Each call is the first that an idle process makes after another process has called resetAll.
describe.concurrent.each(kinds)('Pf: an idle process, %s', (_, options, isCluster) => {
  const source = () => (isCluster ? { cluster: cluster.nodes.map(({ host, port }) => ({ host, port })) } : { url: server.url })

  test('its first call is of the new generation', async () => {
    const calls = ['block', 'unblock', 'reset', 'consume', 'peek', 'penalize', 'credit'] as const
    const [own, ...idle] = processes(options, calls.length + 1, source())
    for (const { limiter } of idle) for (const call of calls) await limiter.consume(call, { cost: 5 })
    await own.limiter.resetAll()
    for (const call of calls) await own.limiter.consume(call, { cost: 10 })
    await own.limiter.block('unblock', '1h')
    const [block, unblock, reset, ...others] = idle.map(({ limiter }) => limiter)
    await block!.block('block', '1h')
    expect(await own.limiter.peek('block')).toMatchObject({ verdict: 'blocked' })
    expect(await unblock!.unblock('unblock')).toBe(true)
    expect(await own.limiter.peek('unblock')).toMatchObject({ verdict: 'allowed' })
    expect(await reset!.reset('reset')).toBe(true)
    expect(usedOf(await own.limiter.peek('reset'))).toBe(0)
    const [consume, peek, penalize, credit] = others
    expect(usedOf(await consume!.consume('consume'))).toBe(11)
    expect(usedOf(await peek!.peek('peek'))).toBe(10)
    expect(usedOf(await penalize!.penalize('penalize'))).toBe(11)
    await credit!.credit('credit')
    expect(usedOf(await own.limiter.peek('credit'))).toBe(9)
  }, 20_000)
})

test.concurrent('Pf: in its own process it holds at once, and in others after a second', async () => {
  const [own, other] = processes({}, 2)
  await own.limiter.consume('a', { cost: 50 })
  await other!.limiter.consume('b', { cost: 50 })
  const done = own.limiter.resetAll()
  await waitUntil('the own process to begin anew', async () => usedOf(await own.limiter.peek('a')) === 0)
  // The time itself is the promise, and begins before this wait.
  await sleep(BOUND)
  expect(await other!.limiter.consume('a')).toMatchObject({ allowed: true })
  // The deny cache never saw "a" refused. What it has seen refused, it refuses for one more second at most.
  await done
  expect(await other!.limiter.consume('b')).toMatchObject({ allowed: true })
})

test.concurrent('Pf: a decision of another process, made before, gives nothing back after', async () => {
  const [own, other] = processes({}, 2)
  const before = await other!.limiter.consume('a', { cost: 20 })
  await own.limiter.resetAll()
  await own.limiter.consume('a', { cost: 20 })
  // The other process has not decided since, so its first command finds the new generation.
  await other!.limiter.refund(before)
  await other!.limiter.settle(await other!.limiter.consume('a'), 3)
  expect(usedOf(await own.limiter.peek('a'))).toBe(23)
})

test.concurrent('Pf: holders are forgotten, and a renewal of one says so', async () => {
  const prefix = 'holders'
  const [one, two] = [0, 1].map(() => asAnotherProcess(() => redisStore({ url: server.url }, { prefix }))) as [Store, Store]
  kept(one)
  kept(two)
  const limits = [concurrency({ name: 'slots', limit: 1, ttl: '1m' })]
  const [own, other] = [one, two].map((store) => createLimiter({ name: 'jobs', store, limits }))
  const held = await other!.consume('a')
  await own!.resetAll()
  expect(await own!.consume('a')).toMatchObject({ allowed: true })
  expect(await other!.renew(held)).toBe(false)
  await other!.release(held)
  expect(await other!.consume('a')).toMatchObject({ allowed: false })
})

test('Pf: a limiter that was never reset has no key, and a busy process reads once a second', async () => {
  const [own] = processes({ failover: false, denyCache: false }, 1)
  await own.limiter.consume('a')
  const scripts = async () => Number(/cmdstat_evalsha:calls=(\d+)/.exec(String(await server.call('INFO', 'commandstats')))?.[1] ?? 0)
  const before = await scripts()
  const since = performance.now()
  let decisions = 0
  for (; performance.now() - since < 900; decisions++) await own.limiter.consume('a')
  expect((await scripts()) - before - decisions).toBeLessThanOrEqual(1)
  const keys = (await server.call('KEYS', `all${prefixes}:*`)) as string[]
  expect(keys.filter((key) => !/:\{\d+\}:api:a$/.test(key))).toEqual([`all${prefixes}:{meta}`])
  await own.limiter.resetAll()
  expect(await server.call('KEYS', `all${prefixes}:{meta}:generation:*`)).toEqual([`all${prefixes}:{meta}:generation:api`])
  await own.limiter.consume('a')
  const [tag] = keys.map((key) => /\{(\d+)\}/.exec(key)?.[1]).filter(Boolean)
  const key = (await server.call('KEYS', `all${prefixes}:{${tag}}:api!*:a`)) as string[]
  expect(key).toHaveLength(1)
})

test.concurrent('Pf: it holds for a limiter that is made while generations are read', async () => {
  const proxy = await tcpProxy(server)
  const [own] = processes({}, 1)
  const options = { prefix: `all${prefixes}`, failover: false } as const
  const store = kept(asAnotherProcess(() => redisStore({ url: `redis://${proxy.host}:${proxy.port}` }, options)))
  await own.limiter.consume('a', { cost: 5 })
  await own.limiter.resetAll()
  const first = createLimiter({ name: 'first', store, limits: LIMITS })
  await first.consume('a')
  await sleep(BOUND)
  let pass = (): void => undefined
  const passed = new Promise<void>((resolve) => (pass = resolve))
  let sent = 0
  proxy.onRequest(() => {
    sent += 1
    return passed
  })
  const before = first.consume('a')
  await waitUntil('the reading to be sent', () => sent > 0)
  const after = limiterOf(store).consume('a')
  // The store sends at the end of the turn.
  await turn()
  pass()
  await before
  expect(usedOf(await after)).toBe(1)
  await proxy.close()
})

test.concurrent.each([{}, { scripting: false }])(
  'Pf: it holds for a limiter beyond the thousand whose generations are read, %j',
  async (options) => {
    const [own, other] = processes({ ...options, failover: false }, 2)
    const make = (name: string) => createLimiter({ name, store: other!.store, limits: LIMITS })
    const before = await other!.limiter.consume('a', { cost: 5 })
    await other!.limiter.consume('b', { cost: 5 })
    for (let i = 0; i < 1_000; i++) make(`other${i}`)
    await own.limiter.resetAll()
    await own.limiter.consume('a', { cost: 10 })
    await own.limiter.consume('b', { cost: 10 })
    await other!.limiter.refund(before)
    expect(usedOf(await other!.limiter.consume('a'))).toBe(11)
    for (let i = 0; i < 1_000; i++) make(`more${i}`)
    expect(await other!.limiter.reset('b')).toBe(true)
    expect(usedOf(await own.limiter.peek('b'))).toBe(0)
    for (let i = 0; i < 1_000; i++) make(`last${i}`)
    await own.limiter.resetAll()
    await other!.limiter.block('b', '1h')
    expect(await own.limiter.peek('b')).toMatchObject({ verdict: 'blocked' })
  },
  20_000,
)

test.concurrent('Pf: it holds on a client that adds a keyPrefix to commands in lower case only', async () => {
  const clients = [0, 1].map(() => new Iovalkey({ host: server.host, port: server.port, keyPrefix: 'own:' }))
  const [own, other] = clients.map((client) => {
    const store = asAnotherProcess(() => redisStore(client, { prefix: 'prefixed' }))
    kept(store)
    return limiterOf(store)
  }) as [ReturnType<typeof limiterOf>, ReturnType<typeof limiterOf>]
  await other.consume('a', { cost: 50 })
  await own.consume('b', { cost: 50 })
  await own.resetAll()
  for (const limiter of [own, other]) {
    expect(await limiter.consume('a')).toMatchObject({ allowed: true })
    // Not before the generations are read again.
    await sleep(BOUND + 100)
    expect(await limiter.consume('b')).toMatchObject({ allowed: true })
  }
  for (const client of clients) client.disconnect()
})

test.concurrent('Pf: while Redis is away it rejects, and changes nothing', async () => {
  const gone = await startRedis()
  const store = redisStore({ url: gone.url }, { failover: {} })
  kept(store)
  const limiter = limiterOf(store)
  await limiter.consume('a', { cost: 20 })
  await gone.stop()
  await expect(limiter.resetAll()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
  expect((await limiter.consume('a')).outcomes[0]?.used).toBeGreaterThanOrEqual(1)
})
