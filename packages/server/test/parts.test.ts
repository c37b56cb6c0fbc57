// What a configuration names, on real servers: sources of documents, counts in Redis, events.
import { createServer } from 'node:http'
import { readFileSync, writeFileSync } from 'node:fs'
import { publishPolicy as publishToEtcd } from '@sluice/etcd'
import { publishPolicy as publishToKafka } from '@sluice/kafka'
import { publishPolicy as publishToRedis } from '@sluice/redis'
import { type EtcdMember, startEtcd } from '@sluice/testing/etcd'
import { startKafka } from '@sluice/testing/kafka'
import { waitUntil } from '@sluice/testing/processes'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { configOf, partsOf, type RunningService, serve, type ServerConfig } from '../src/index.ts'
import { makeTemporary } from './temporary.ts'

vi.setConfig({ testTimeout: 120_000 })

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

const documentOf = (limit: number, revision = 1): string =>
  `apiVersion: sluice/v1\nnamespace: shop\nrevision: ${revision}\nsubjects: { user: { parts: [{ attribute: user_id }] } }\npolicies:\n  - name: api\n    rules: [{ name: all, limits: [{ name: hour, algorithm: fixedWindow, limit: ${limit}, window: 1h, subject: user }] }]\n`

/** A service of this configuration, which ends with the test, with its parts. */
const started = async (config: ServerConfig): Promise<RunningService & { end(): Promise<void> }> => {
  const parts = await partsOf({ http: { listen: 0 }, grpc: { listen: 'off' }, drain: { delay: '0s' }, ...config })
  const service = await serve(parts.options)
  let ended: Promise<void> | undefined
  const end = (): Promise<void> => (ended ??= service.close().then(() => parts.close()))
  onTestFinished(end)
  return { ...service, end }
}
const remaining = async ({ http }: RunningService, user = 'ada', cost = 0): Promise<number> => {
  const answer = await fetch(`${http?.url}/check?user_id=${user}&cost=${cost}`)
  expect(answer.status).toBe(200)
  return Number(answer.headers.get('x-ratelimit-remaining'))
}

test('limits are shared between regions, and the overview says who is heard', async () => {
  const servers = { eu: redis, us: await startRedis() }
  onTestFinished(() => servers.us.stop())
  const from = `${makeTemporary()}/sluice.yaml`
  writeFileSync(from, documentOf(100))
  const serviceIn = (self: 'eu' | 'us', other: 'eu' | 'us') =>
    started({
      redis: { url: servers[self].url, prefix: 'regional', denyCache: false, deadline: '1s' },
      regions: { self, all: ['eu', 'us'], others: [`${other}=${servers[other].url}`], interval: '100ms', silence: '2s' },
      policies: { from },
      admin: { enabled: true },
    })
  const [eu, us] = [await serviceIn('eu', 'us'), await serviceIn('us', 'eu')]
  expect(await remaining(eu, 'ada', 60)).toBe(40)
  await waitUntil('the count in the other region', async () => (await remaining(us)) === 40)
  const overview = async (
    service: RunningService,
  ): Promise<{ region: object; regions: readonly { isSilent: boolean; lagMs: number }[] }> => {
    const headers = { authorization: `Bearer ${service.adminToken}` }
    return (await (await fetch(`${service.http?.url}/admin/v1/overview`, { headers })).json()) as never
  }
  expect(await overview(us)).toMatchObject({
    region: { self: 'us', applied: expect.any(Number) },
    regions: [{ name: 'eu', isSilent: false, lagMs: expect.any(Number) }],
  })
  await eu.end()
  await waitUntil('the silence of eu', async () => (await overview(us)).regions[0]?.isSilent === true, 20_000)
})

describe('documents are followed', () => {
  test('in a file, by its path or as a URL', async () => {
    const file = `${makeTemporary()}/sluice.yaml`
    writeFileSync(file, documentOf(7))
    for (const from of [file, `file:${file}`, `file://${file}`]) expect(await remaining(await started({ policies: { from } }))).toBe(7)
  })
  test('in Redis, under a key', async () => {
    const text = documentOf(11)
    await publishToRedis({ url: redis.url }, { key: 'my:policies', namespace: 'shop', revision: 1, text })
    const service = await started({ policies: { from: `${redis.url}?key=my:policies` } })
    expect(await remaining(service)).toBe(11)
    await publishToRedis({ url: redis.url }, { key: 'my:policies', namespace: 'shop', revision: 2, text: documentOf(12, 2) })
    await waitUntil('the second revision', async () => (await remaining(service)) === 12)
  })
  test('in etcd, under a prefix', async () => {
    const etcd: EtcdMember = await startEtcd()
    onTestFinished(() => etcd.stop())
    await publishToEtcd({ endpoints: [etcd.url], prefix: 'my/policies/' }, { text: documentOf(13) })
    const service = await started({ policies: { from: `etcd://127.0.0.1:${etcd.port}/my/policies` } })
    expect(await remaining(service)).toBe(13)
  })
  test('in a topic of Kafka', async () => {
    const broker = await startKafka()
    onTestFinished(() => broker.stop())
    const client = new Kafka({ clientId: 'test', brokers: [broker.address], logLevel: logLevel.NOTHING })
    const [admin, producer] = [client.admin(), client.producer()]
    await Promise.all([admin.connect(), producer.connect()])
    onTestFinished(async () => void (await Promise.all([admin.disconnect(), producer.disconnect()])))
    await admin.createTopics({
      topics: [{ topic: 'policies', numPartitions: 1, configEntries: [{ name: 'cleanup.policy', value: 'compact' }] }],
    })
    await publishToKafka({ client, producer, topic: 'policies', namespace: 'shop', revision: 1, text: documentOf(17) })
    const service = await started({ policies: { from: `kafka://${broker.address}/policies`, startTimeout: '30s' } })
    expect(await remaining(service)).toBe(17)
  })
  test('at a URL, with a token', async () => {
    const server = createServer(({ headers }, response) => {
      response.statusCode = headers.authorization === 'Bearer my-token' ? 200 : 401
      response.end(documentOf(19))
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { readonly port: number }
    const service = await started({ policies: { from: `http://127.0.0.1:${port}/sluice.yaml`, token: 'my-token' } })
    expect(await remaining(service)).toBe(19)
  })
  test.each(['ftp://host/x', 'kafka://host:9092', 'etcd://'])('%s is refused, without its text', async (from) => {
    await expect(partsOf({ policies: { from } })).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' })
  })
  test('a folder keeps the last documents, for a start without the source', async () => {
    const [cache, key] = [makeTemporary(), 'cached:policies']
    await publishToRedis({ url: redis.url }, { key, namespace: 'shop', revision: 1, text: documentOf(23) })
    const first = await started({ policies: { from: `${redis.url}?key=${key}`, cache } })
    await first.end()
    const service = await started({ policies: { from: 'redis://127.0.0.1:1', cache, startTimeout: '300ms' } })
    expect(await remaining(service)).toBe(23)
  })
})

test('two services on one Redis share each limit', async () => {
  const file = `${makeTemporary()}/sluice.yaml`
  writeFileSync(file, documentOf(50))
  const config = { redis: { url: redis.url, prefix: 'shared', deadline: '10s' as const }, policies: { from: file } }
  const [one, two] = [await started(config), await started(config)]
  expect(await remaining(one, 'ada', 10)).toBe(40)
  expect(await remaining(two, 'ada', 10)).toBe(30)
})

test('leases go back when the service ends', async () => {
  const file = `${makeTemporary()}/sluice.yaml`
  writeFileSync(file, documentOf(1_000_000))
  const config = { redis: { url: redis.url, prefix: 'leased', deadline: '10s' as const }, policies: { from: file } }
  const leasing = await started({ ...config, redis: { ...config.redis, leases: true } })
  const plain = await started(config)
  let spent = 0
  await waitUntil('a lease', async () => {
    await Promise.all(Array.from({ length: 50 }, () => remaining(leasing, 'ada', 1)))
    spent += 50
    return /^sluice_lease_units\{.*\} [1-9]/m.test(await (await fetch(`${leasing.http?.url}/metrics`)).text())
  })
  await leasing.end()
  expect(await remaining(plain)).toBe(1_000_000 - spent)
})

test('events of decisions are written into a file, with hashed subjects', async () => {
  const file = `${makeTemporary()}/events.jsonl`
  const service = await started({ events: { sink: `file:${file}`, sample: 1 }, secret: 'a secret of 20 chars' })
  await remaining(service, 'ada', 1)
  await service.end()
  const lines = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const decision = lines.find((line) => line['verdict'] === 'allowed')
  expect(decision).toMatchObject({ namespace: 'default' })
  expect(JSON.stringify(lines)).not.toContain('ada')
})

test('a block by hand holds in every service on one Redis', async () => {
  const config: ServerConfig = { redis: { url: redis.url, prefix: 'blocks' }, blocks: { mode: 'off' } }
  const parts = await partsOf(config)
  onTestFinished(() => parts.close())
  const service = await started(config)
  await parts.options.blockList?.block('127.0.0.1', '1h')
  await waitUntil('the block', async () => (await fetch(`${service.http?.url}/check?user_id=ada`)).status === 403)
})

test('a decision of one process is settled by another one with the same secret', async () => {
  const file = `${makeTemporary()}/sluice.yaml`
  writeFileSync(file, documentOf(100))
  const config = {
    redis: { url: redis.url, prefix: 'settled', deadline: '10s' as const },
    policies: { from: file },
    secret: 'a secret of 20 chars',
  }
  const [one, two] = [await started(config), await started(config)]
  const post = async ({ http }: RunningService, path: string, body: object): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${http?.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect(answer.status).toBe(200)
    return (await answer.json()) as Record<string, unknown>
  }
  const { decision } = await post(one, '/v1/check', { attributes: { user_id: 'ada' }, cost: 10 })
  expect(await post(two, '/v1/settle', { decision, refund: true })).toMatchObject({ settled: true })
  expect(await remaining(one)).toBe(100)
})

test('an admin section opens the admin API for its token alone', async () => {
  const { createHash } = await import('node:crypto')
  const token = 'a-token-of-more-than-thirty-two-characters'
  const sha256 = createHash('sha256').update(token).digest('hex')
  const env = { SLUICE_ADMIN_TOKENS: JSON.stringify([{ name: 'console', sha256, scopes: ['read:*'] }]) }
  const service = await started(await configOf({ env }))
  const asked = (authorization: string): Promise<number> =>
    fetch(`${service.http?.url}/admin/v1/whoami`, { headers: { authorization } }).then(({ status }) => status)
  expect(await asked(`Bearer ${token}`)).toBe(200)
  expect(await asked('Bearer another')).toBe(401)
})
