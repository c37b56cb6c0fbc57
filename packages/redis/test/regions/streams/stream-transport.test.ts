import { type RedisSource, streamTransport, type StreamTransport, type StreamTransportOptions } from '@sluice/redis'
import { type RegionTransport, regions } from '@sluice/regions'
import { waitUntil } from '@sluice/testing'
import { type RedisServer, startCluster, startRedis, tcpProxy } from '@sluice/testing/redis'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { closeClients, LIBRARIES } from '../../clients/clients.ts'

const STREAM = '{sluice:regions}:messages'

let server: RedisServer
let us: RedisServer
beforeAll(async () => {
  server = await startRedis()
  us = await startRedis()
})
beforeEach(() => server.call('FLUSHALL'))
afterAll(async () => {
  await server.stop()
  await us.stop()
})

const encode = (text: string): { partition: number; body: Uint8Array } => ({ partition: 0, body: new TextEncoder().encode(text) })

/** A sender in the region `eu`, and a reader in `us`. */
async function pair(
  { from = { url: server.url }, to = { url: server.url } }: { readonly from?: RedisSource; readonly to?: RedisSource } = {},
  options: Partial<StreamTransportOptions> = {},
  apply: (text: string) => Promise<void> = () => Promise.resolve(),
): Promise<{ send(...texts: string[]): Promise<void>; texts: string[]; warnings: string[]; close(): Promise<void> }> {
  const warnings: string[] = []
  const own: Partial<StreamTransportOptions> = { on: { warning: ({ message }) => warnings.push(message) }, ...options }
  const eu = streamTransport({ self: from, others: { us: { url: us.url } }, ...own })
  const reader = streamTransport({ self: { url: us.url }, others: { eu: to }, ...own })
  const texts: string[] = []
  const closeEu = await eu.subscribe('eu', () => Promise.resolve())
  const close = await reader.subscribe('us', async (body) => {
    const text = new TextDecoder().decode(body)
    texts.push(text)
    await apply(text)
  })
  onTestFinished(async () => {
    await close()
    await closeEu()
  })
  return { send: (...sent) => eu.publish(sent.map(encode)), texts, warnings, close }
}

async function arrives({ send, texts }: Awaited<ReturnType<typeof pair>>, text: string): Promise<void> {
  await send(text)
  await waitUntil(`"${text}"`, () => texts.includes(text))
}

/** How often a message was kept for its process. */
async function claims(): Promise<number> {
  return Number(/cmdstat_xclaim:calls=(\d+)/.exec(String(await server.call('INFO', 'commandstats')))?.[1] ?? 0)
}

test('is a transport of @sluice/regions', () => {
  const options: StreamTransportOptions = { self: { url: server.url }, others: { us: { url: us.url } } }
  const transport: RegionTransport & StreamTransport = streamTransport(options)
  expect(regions({ self: 'eu', all: ['eu', 'us'], transport }).transport).toBe(transport)
})

const self = { url: 'redis://localhost:1' }
test.each([
  [{ self }, 'streamTransport: others: expected the Redis of each other region, by its name, got undefined'],
  [{ self, others: {} }, 'streamTransport: others: expected at least one other region'],
  [
    { self, others: { 'a b': self } },
    'streamTransport: others: expected names of letters, digits, dots and hyphens, at most 64, got the string "a b"',
  ],
  [{ self, others: { us: 5 } }, 'redisStore: expected a client of ioredis'],
  [{ self, others: { us: self }, key: 'a b' }, 'streamTransport: key: expected 1 to 64 letters, digits, _ . : or -'],
  [{ self, others: { us: self }, maxLength: 5 }, 'streamTransport: maxLength: expected a whole number from 100 to 10000000, got 5'],
  [{ self, others: { us: self }, claimAfter: 5 }, 'streamTransport: claimAfter: expected milliseconds, from 1000 to 3600000, got 5'],
  [{ self, others: { us: self }, interval: 5 }, 'streamTransport: interval: expected milliseconds, at least 50, got 5'],
  [{ self, others: { us: self }, on: { warning: 5 } }, 'streamTransport: on.warning: expected a function, got 5'],
  [{ self, others: { us: self }, region: 'eu' }, 'streamTransport: "region" is not an option'],
])('%j is refused', (options, message) => {
  expect(() => streamTransport(options as never)).toThrow(message)
})

describe('the stream', () => {
  test('keeps about maxLength messages, and a region that is behind loses the oldest ones', async () => {
    const { send } = await pair({}, { maxLength: 100 })
    for (let i = 0; i < 20; i += 1) await send(...Array.from({ length: 50 }, (_, n) => `${i} ${n}`))
    // Redis removes whole nodes of 100 messages.
    expect(await server.call('XLEN', STREAM)).toBeLessThan(300)
    const late = streamTransport({ self: { url: us.url }, others: { eu: { url: server.url } } })
    const texts: string[] = []
    onTestFinished(await late.subscribe('ap', async (body) => void texts.push(new TextDecoder().decode(body))))
    await waitUntil('the last message', () => texts.includes('19 49'))
    expect(texts.length).toBeLessThan(300)
  })

  test('is made again after its data was deleted', async () => {
    const both = await pair()
    await arrives(both, 'before')
    await server.call('FLUSHALL')
    await arrives(both, 'after')
    expect(both.warnings).toEqual([])
  })

  test('has nothing that waits after all is applied, and no consumer after a close', async () => {
    const both = await pair()
    await both.send(...Array.from({ length: 250 }, (_, i) => String(i)))
    await waitUntil('all messages', () => both.texts.length === 250)
    await waitUntil('all acknowledgements', async () => ((await server.call('XPENDING', STREAM, 'us')) as unknown[])[0] === 0)
    await both.close()
    expect(await server.call('XINFO', 'CONSUMERS', STREAM, 'us')).toEqual([])
  })

  test('a message that waits longer than claimAfter stays with its process', async () => {
    let end = (): void => undefined
    const waits = new Promise<void>((resolve) => (end = resolve))
    const first = await pair({}, { claimAfter: 1_000 }, (text) => (text === 'early' ? waits : Promise.resolve()))
    await first.send('early')
    await waitUntil('the message', () => first.texts.length === 1)
    const second = await pair({}, { claimAfter: 1_000 })
    const before = await claims()
    // Its process keeps it three times within claimAfter.
    await waitUntil('it to be kept for longer than claimAfter', async () => (await claims()) >= before + 5)
    expect(second.texts).toEqual([])
    end()
    await waitUntil('the acknowledgement', async () => ((await server.call('XPENDING', STREAM, 'us')) as unknown[])[0] === 0)
  })

  test('a message that was removed while its process was dead waits for nobody', async () => {
    const group = ['GROUP', 'us', 'dead'] as const
    await server.call('XGROUP', 'CREATE', STREAM, 'us', '0', 'MKSTREAM')
    const id = String(await server.call('XADD', STREAM, '*', 'b', 'lost'))
    await server.call('XREADGROUP', ...group, 'STREAMS', STREAM, '>')
    await server.call('XDEL', STREAM, id)
    const both = await pair({}, { claimAfter: 1_000 })
    await arrives(both, 'after')
    await waitUntil('nothing to wait', async () => ((await server.call('XPENDING', STREAM, 'us')) as unknown[])[0] === 0)
    expect(both.texts).toEqual(['after'])
  })
})

test('a reply that is lost loses no message', async () => {
  const proxy = await tcpProxy(server)
  onTestFinished(() => proxy.close())
  const both = await pair({ to: { url: `redis://${proxy.host}:${proxy.port}` } }, { claimAfter: 3_600_000 })
  await arrives(both, 'before')
  proxy.loseReplies({ after: (request) => request.includes('XREADGROUP') || request.includes('xreadgroup') })
  await both.send('lost', 'with it')
  await waitUntil('both', () => both.texts.includes('lost') && both.texts.includes('with it'))
})

test('a region that cannot be reached is reported once, and followed again when it is back', async () => {
  const proxy = await tcpProxy(server)
  onTestFinished(() => proxy.close())
  const both = await pair({ to: { url: `redis://${proxy.host}:${proxy.port}` } })
  await arrives(both, 'before')
  await proxy.refuse(true)
  proxy.cut()
  await waitUntil('the warning', () => both.warnings.some((message) => message.includes('ECONNREFUSED')))
  expect(both.warnings[0]).toMatch(/^streamTransport: region "eu": no messages pass, and it tries again: .*WARN_REGION_TRANSPORT/)
  expect(new Set(both.warnings).size).toBe(both.warnings.length)
  await both.send('meanwhile')
  await proxy.refuse(false)
  await waitUntil('the message', () => both.texts.includes('meanwhile'))
})

test('a publication rejects while Redis is away, and is reported', async () => {
  const own = await startRedis()
  onTestFinished(() => own.stop())
  const from = own.client()
  const both = await pair({ from })
  await waitUntil('the client to be ready', () => from.status === 'ready')
  await own.kill()
  await waitUntil('the client to notice', () => from.status !== 'ready')
  await expect(both.send('lost')).rejects.toThrow('the connection is not ready')
  expect(both.warnings.some((message) => message.includes('this region'))).toBe(true)
})

describe('clients', () => {
  test.each(Object.entries(LIBRARIES))('%s', async (_, library) => {
    onTestFinished(closeClients)
    const both = await pair({ from: await library.one(server), to: await library.one(server) })
    for (const text of ['one', 'two', 'three ✓']) await arrives(both, text)
    expect(both.warnings).toEqual([])
    await both.close()
  })

  test('ioredis, of which the transport closes nothing', async () => {
    const [from, to] = [server.client(), server.client({ lazyConnect: true })]
    const both = await pair({ from, to })
    await arrives(both, 'one')
    await both.close()
    expect(await to.ping()).toBe('PONG')
  })

  test('a Cluster', async () => {
    const cluster = await startCluster()
    onTestFinished(() => cluster.stop())
    onTestFinished(closeClients)
    const own = { cluster: cluster.nodes.map(({ host, port }) => ({ host, port })) }
    for (const source of [
      own,
      await LIBRARIES['node-redis 6'].cluster(cluster.nodes),
      await LIBRARIES['valkey-glide'].cluster(cluster.nodes),
    ]) {
      const both = await pair({ from: source, to: source })
      for (const text of ['one', 'two']) await arrives(both, text)
      await both.close()
    }
  })
})
