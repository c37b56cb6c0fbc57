// A real Redis and a real Cluster, with the counts of real limiters.
import { concurrency, createLimiter, fixedWindow, slidingWindow } from '@sluice/core'
import { documentPolicies, parseDocument } from '@sluice/policies'
import { redisStore, type RedisSource } from '@sluice/redis'
import { type RedisCluster, type RedisServer, startCluster, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { documentText, newFolder, sluice } from './sluice.ts'

const folder = newFolder()
const document = folder.file('sluice.yaml', documentText(1, 3))
const ADDRESS = '203.0.113.7'

/** Counts under two limiters and a document. */
async function fill(source: RedisSource): Promise<void> {
  const store = redisStore(source, { failover: false })
  const limits = [fixedWindow({ name: 'hour', limit: 5, window: '1h' }), concurrency({ name: 'running', limit: 2, ttl: '1m' })]
  await createLimiter({ name: 'api', limits, store }).consume(ADDRESS, { cost: { hour: 3 } })
  await createLimiter({ name: 'other', limits: [slidingWindow({ name: 'minute', limit: 9, window: '1m' })], store }).consume(ADDRESS)
  const shop = documentPolicies(parseDocument(documentText(1, 3)), { store })
  for (let i = 0; i < 3; i++) await shop.check({ path: '/', ip: ADDRESS })
  await store.close?.()
}

describe('one server', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    await server.call('FLUSHALL')
    await fill({ url: server.url })
  })
  const run = (args: readonly string[], settings: Parameters<typeof sluice>[1] = {}) =>
    sluice(args, { ...settings, env: { REDIS_URL: server.url } })

  test('inspect shows each limit, with its name where a document has it', async () => {
    const { status, out, err } = await run(['inspect', ADDRESS, '--policies', document])
    expect({ status, err }).toEqual({ status: 0, err: '' })
    expect(out).toMatch(/^shop\n {2}limit +used +of +left +full again\n {2}api\.minute +3 +3 +0 +\[#{16}\] +in (?:2m|1m \d+s)$/m)
    expect(out).toMatch(/^api\n.*\n {2}#[\da-f]{8} +3 +\? +\? +by \d+[hms]/m)
    expect(out).toMatch(/^ {2}running: held by \S+ for at most (?:1m|\d+s)$/m)
    expect(out).toContain('A limit without a name is known by its id only')
    expect(out.split('\n').filter((line) => line.length > 80)).toEqual([])
  })

  test('inspect as JSON, and of a subject that is not there', async () => {
    const { out } = await run(['inspect', ADDRESS, '--policies', document, '--json'])
    const { policies } = JSON.parse(out) as { policies: { policy: string; states: { limit?: string; remaining?: number }[] }[] }
    expect(policies.map(({ policy }) => policy)).toEqual(['api', 'other', 'shop'])
    expect(policies[2]?.states).toMatchObject([{ limit: 'api.minute', remaining: 0 }])
    expect(await run(['inspect', 'nobody'])).toMatchObject({
      status: 1,
      out: expect.stringContaining('nothing is counted, and nothing is held'),
    })
  })

  test('reset forgets every policy, or those of one limiter', async () => {
    const { status, out, err } = await run(['reset', ADDRESS, '--limiter', 'shop', '--yes'])
    expect({ status, out }).toEqual({ status: 0, out: `${ADDRESS}: the subject starts again\n` })
    expect(err).toContain('shop')
    expect((await run(['inspect', ADDRESS])).out).not.toContain('shop')
    expect(JSON.parse((await run(['reset', ADDRESS, '--yes', '--json'])).out)).toEqual({ subject: ADDRESS, removed: ['api', 'other'] })
    expect((await run(['inspect', ADDRESS])).status).toBe(1)
    expect(await run(['reset', ADDRESS, '--yes'])).toMatchObject({ status: 1, out: expect.stringContaining('nothing is counted') })
  })

  test('the limiter counts from 0 afterwards, and a block stays', async () => {
    const store = redisStore({ url: server.url }, { failover: false })
    const api = createLimiter({ name: 'api', limits: [fixedWindow({ name: 'hour', limit: 5, window: '1h' })], store })
    await api.block(ADDRESS, '1h')
    expect((await run(['reset', ADDRESS, '--yes'])).status).toBe(0)
    expect((await run(['inspect', ADDRESS])).out).toMatch(/^ {2}blocked for (?:1h|59m)/m)
    expect((await api.consume(ADDRESS)).verdict).toBe('blocked')
    await api.unblock(ADDRESS)
    expect((await api.consume(ADDRESS)).remaining).toBe(4)
    await store.close?.()
  })

  test('reset asks a person, and refuses without one', async () => {
    expect(await run(['reset', ADDRESS], { input: 'n\n', isAsked: true })).toMatchObject({
      status: 1,
      out: `${ADDRESS}: nothing was changed\n`,
      err: expect.stringContaining('Forget this, in api, other, shop? [y/N] '),
    })
    expect(await run(['reset', ADDRESS])).toMatchObject({ status: 2, err: expect.stringContaining('add --yes if it is meant') })
    expect((await run(['inspect', ADDRESS])).status).toBe(0)
    expect((await run(['reset', ADDRESS], { input: 'y\n', isAsked: true })).status).toBe(0)
    expect((await run(['inspect', ADDRESS])).status).toBe(1)
  })

  test('packed states are shown, and cannot be removed by a key', async () => {
    await server.call('FLUSHALL')
    const store = redisStore({ url: server.url }, { failover: false, packed: { subjects: 1_000 } })
    await documentPolicies(parseDocument(documentText(1, 3)), { store }).check({ path: '/', ip: ADDRESS })
    await store.close?.()
    expect((await run(['inspect', ADDRESS, '--policies', document])).out).toMatch(/api\.minute +1 +3 +2/)
    expect(await run(['reset', ADDRESS, '--yes'])).toMatchObject({
      status: 2,
      err: expect.stringContaining('packed states cannot be removed'),
    })
  })

  test.each([
    [['inspect'], 'expected SUBJECT'],
    [['inspect', 'x', '--search', 'all'], '--search: expected a whole number, 0 to 1000000000, got all'],
    [['inspect', 'x', '--prefix', 'none'], 'expected the prefix of a store that has decided on this Redis, got "none"'],
    [['inspect', 'x', '--redis', 'redis://:geheim@127.0.0.1:1'], 'redis://127.0.0.1:1 cannot be reached: '],
  ])('sluice %j is refused', async (args, message) => {
    const { status, err } = await run(args)
    expect(status).toBe(2)
    expect(err).toContain(message)
    expect(err).not.toContain('geheim')
  })
})

describe('a Cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.stop())

  test('one node is enough to name it, for every command', async () => {
    await fill({ cluster: cluster.nodes.map(({ host, port }) => ({ host, port })) })
    for (const { server } of cluster.nodes) {
      const env = { REDIS_URL: server.url }
      expect((await sluice(['inspect', ADDRESS], { env })).out).toMatch(/^shop$/m)
      expect((await sluice(['blocks'], { env })).out).toBe('nobody is blocked\n')
      expect((await sluice(['top'], { env })).status).toBe(0)
    }
    const env = { REDIS_URL: cluster.nodes[0]!.server.url }
    expect((await sluice(['reset', ADDRESS, '--yes'], { env })).status).toBe(0)
    expect((await sluice(['inspect', ADDRESS], { env })).status).toBe(1)
  })
})
