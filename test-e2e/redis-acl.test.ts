// The ACL rules in docs/redis.md are sufficient, and each of them is needed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { concurrency, fixedWindow, slidingWindow, tokenBucket } from '@sluice/core'
import { redisStore, type RedisStoreOptions } from '@sluice/redis'
import type { Limit, Store } from '@sluice/core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type RedisCluster, type RedisServer, startCluster, startRedis, waitUntil } from '@sluice/testing/redis'
import { ROOT } from './support/workspace.ts'

const page = readFileSync(join(ROOT, 'docs', 'redis.md'), 'utf8')
/** The rules of a user in docs/redis.md, as arguments of ACL SETUSER. */
function rulesOf(name: string): readonly string[] {
  const rules = new RegExp(`^user ${name} (.+)$`, 'm').exec(page)?.[1]
  if (rules === undefined) throw new Error(`docs/redis.md: expected a line "user ${name} …"`)
  return rules.split(' ')
}

const limits = [
  slidingWindow({ name: 'sliding', limit: 5, window: '1m' }).limit,
  fixedWindow({ name: 'day', limit: 5, window: 'day' }).limit,
  tokenBucket({ name: 'bucket', limit: 5, window: '1m' }).limit,
  concurrency({ name: 'slots', limit: 5, ttl: '1m' }).limit,
]

/** Uses all operations of a store: charges, refunds, resets. */
async function exercise(store: Store): Promise<void> {
  try {
    for (const subject of ['one', 'two', 'three', 'four']) {
      const targets = limits.map((limit) => ({ limit, scope: `acl+${limit.name}`, subject }))
      const outcomes = await store.consume(targets.map((target) => ({ ...target, cost: 1 })))
      expect(outcomes.map((outcome) => outcome?.allowed)).toEqual([true, true, true, true])
      await store.consume(targets.map((target, i) => ({ ...target, cost: -1, receipt: outcomes[i]?.receipt })))
      await store.reset(targets)
    }
    // The first charge sets the state, the second changes it.
    const again = { limit: limits[0] as Limit, scope: 'acl/again', subject: 'one', cost: 1 }
    for (const used of [1, 2]) expect(await store.consume([again])).toMatchObject([{ allowed: true, remaining: 5 - used }])
    await store.reset([again])
  } finally {
    await store.close?.()
  }
}

describe('one server', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  const createUser = async (name: string, rules: readonly string[]) => {
    await server.call('ACL', 'SETUSER', name, 'reset', ...rules)
    // The script is not loaded, as after a restart.
    await server.call('SCRIPT', 'FLUSH')
    return { url: `redis://${name}:secret@${server.host}:${server.port}` }
  }

  test.each([
    ['sluice', true],
    ['sluice-no-scripts', false],
  ])('the rules of the user %s are sufficient, and allow no key outside the prefix', async (name, scripting) => {
    const source = await createUser(name, rulesOf(name))
    await exercise(redisStore(source, { scripting, failover: false }))
    await expectCount(redisStore(source, { scripting }), (store) => store.health?.().instances === 1)
    const log = (await server.call('ACL', 'LOG')) as unknown[]
    expect(log.map(String).filter((entry) => !/\b(config|client)\b/i.test(entry))).toEqual([])
    await expect(exercise(redisStore(source, { scripting, failover: false, prefix: 'other' }))).rejects.toMatchObject({ answer: 'noperm' })
  })

  // Some commands only count the processes. A set without expired holders is counted by ZCARD.
  test.each(rulesOf('sluice').filter((rule) => /^\+(?!info|zremrangebyscore|zcount|zcard|pexpire$)/.test(rule)))(
    'without %s the store fails',
    async (rule) => {
      const rules = rulesOf('sluice').filter((other) => other !== rule)
      await expect(exercise(redisStore(await createUser('less', rules), { failover: false }))).rejects.toMatchObject({
        code: 'ERR_STORE_UNAVAILABLE',
        answer: 'noperm',
      })
    },
  )

  describe('a decision that fails is never half charged', () => {
    const both = ['there', 'new'].map((name) => ({ limit: limits[0] as Limit, scope: `acl/${name}`, subject: 'half', cost: 1 }))
    const there = both.slice(0, 1)
    const noperm = { answer: 'noperm' }
    /** Charges the first of both, then removes the rule. */
    const without = async (rule: string) => {
      await server.call('FLUSHALL')
      const store = redisStore(await createUser('less', rulesOf('sluice')), { failover: false })
      await store.consume(there)
      await server.call('ACL', 'SETUSER', 'less', `-${rule}`)
      const used = async () => (await store.consume(both, { how: 'peek' })).map((outcome) => 5 - (outcome?.remaining ?? 0))
      return { store, used }
    }

    test('without +set: the existing state could change, the new one cannot be set', async () => {
      const { store, used } = await without('set')
      await expect(store.consume(both)).rejects.toMatchObject(noperm)
      expect(await used()).toEqual([1, 0])
      await store.consume(there)
      expect(await used()).toEqual([2, 0])
      await store.close?.()
    })

    test('without +setrange: states can be set, but not changed', async () => {
      const { store, used } = await without('setrange')
      await store.consume(both)
      await expect(store.consume(both)).rejects.toMatchObject(noperm)
      expect(await used()).toEqual([2, 1])
      await store.close?.()
    })
  })

  describe('packed state', () => {
    // Packed data has another shape, and an existing bucket has its expiry already.
    afterEach(() => server.call('FLUSHALL'))
    const packing: RedisStoreOptions = { packed: { subjects: 1 }, partitions: 1, migrate: true, failover: false }
    test('the rules of the user sluice-packed are sufficient for packed state and its sweeps', async () => {
      const source = await createUser('sluice-packed', rulesOf('sluice-packed'))
      await exercise(redisStore(source, packing))
      let now = Date.now()
      const store = redisStore(source, { ...packing, clock: { now: () => now } })
      const [limit] = limits
      const fill = (from: number) =>
        store.consume(
          Array.from({ length: 150 }, (_, i) => ({ limit: limit as Limit, scope: 'acl/sweep', subject: `${from + i}`, cost: 1 })),
        )
      for (let i = 0; i < 10; i++) {
        await fill(150 * i)
        now += 60_000
      }
      await store.close?.()
      expect(String(await server.call('INFO', 'commandstats'))).toMatch(/cmdstat_hscan/)
    })

    test.each(['+hmget', '+hset', '+hdel', '+pttl', '+pexpireat'])('packed, without %s the store fails', async (rule) => {
      const rules = rulesOf('sluice-packed').filter((other) => other !== rule)
      const source = await createUser('less', rules)
      await expect(exercise(redisStore(source, packing))).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', answer: 'noperm' })
    })
  })

  test.each(rulesOf('sluice').filter((rule) => /^\+(zadd|zcard|zrem|pexpire$)/.test(rule)))(
    'without %s processes cannot count each other',
    async (rule) => {
      const source = await createUser(
        'less',
        rulesOf('sluice').filter((other) => other !== rule),
      )
      await server.call('ACL', 'LOG', 'RESET')
      const codes: unknown[] = []
      const store = redisStore(source)
      store.subscribe?.((event) => codes.push('code' in event && event.code))
      const isWarned = (): boolean => codes.includes('WARN_INSTANCES_UNKNOWN')
      // Removing a process from the count is not awaited, so it causes no warning.
      await expectCount(store, rule === '+zrem' ? () => store.health?.().instances === 1 : isWarned)
      expect(((await server.call('ACL', 'LOG')) as unknown[]).map(String).join()).toContain(`,${rule.slice(1)},`)
    },
  )
})

/** Waits until the store has counted its processes, then closes it. */
async function expectCount(store: Store, isDone: (store: Store) => boolean): Promise<void> {
  await waitUntil('the count', () => isDone(store))
  await store.close?.()
}

describe('a Redis Cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.stop())

  test('the rules for a cluster are sufficient', async () => {
    for (const { server } of cluster.nodes) await server.call('ACL', 'SETUSER', 'sluice', 'reset', ...rulesOf('sluice-cluster'))
    const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
    const redisOptions = { username: 'sluice', password: 'secret' }
    await exercise(redisStore({ cluster: nodes, options: { redisOptions } }, { failover: false }))
    await expectCount(redisStore({ cluster: nodes, options: { redisOptions } }), (store) => store.health?.().instances === 1)
  })
})
