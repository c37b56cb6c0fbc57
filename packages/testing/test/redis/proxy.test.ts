import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Redis } from 'ioredis'
import { type ClientOptions, type RedisServer, startRedis, type TcpProxy, tcpProxy, waitUntil } from '../../src/redis/index.ts'

let server: RedisServer
let proxy: TcpProxy
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
afterEach(async () => {
  await proxy.close()
  await server.call('FLUSHALL')
})

/** A client that never sends a command twice. */
async function once(options: ClientOptions = {}): Promise<Redis> {
  proxy = await tcpProxy(server)
  const { port, host } = proxy
  const redis = server.client({ host, port, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0, ...options })
  await redis.ping()
  return redis
}

test('a reply lost after the commit: counted once, and the client sees a closed connection', async () => {
  const redis = await once()
  proxy.loseReplies({ after: (request) => request.includes('incr') })
  expect(await redis.set('b', '1')).toBe('OK')
  await expect(redis.incr('a')).rejects.toThrow('max retries')
  expect(await server.call('GET', 'a')).toBe('1')
  expect(proxy.stats.lost).toBe(1)
  await waitUntil('a new connection', () => redis.status === 'ready')
  expect(await redis.incr('a')).toBe(2)
})

test('no byte of the reply gets through, after n requests that get theirs', async () => {
  await once()
  proxy.loseReplies({ after: 2 })
  const { seen, ask } = await raw(proxy.port)
  expect(await ask('INCR a\r\n')).toBe(':1\r\n')
  expect(await ask('INCR a\r\n')).toBe(':2\r\n')
  expect(await ask('INCR a\r\nINCR a\r\n')).toBe('closed')
  expect(seen()).toBe(':1\r\n:2\r\n')
  expect(await server.call('GET', 'a')).toBe('4')
})

test('cut() closes what is open', async () => {
  const redis = await once()
  expect(proxy.connections).toBe(1)
  const closed = new Promise((resolve) => redis.once('close', resolve))
  proxy.cut()
  await closed
  await waitUntil('the proxy to notice', () => proxy.stats.accepted === 2 && proxy.connections === 1)
})

test('strand() leaves what is open dead, unsaid, and what is new well', async () => {
  const redis = await once({ commandTimeout: 200 })
  proxy.strand()
  await expect(redis.incr('a')).rejects.toThrow('timed out')
  expect(redis.status).toBe('ready')
  expect(await server.call('GET', 'a')).toBe(null)
  const { ask } = await raw(proxy.port)
  expect(await ask('INCR a\r\n')).toBe(':1\r\n')
})

test('retarget() leads new connections to another server', async () => {
  const redis = await once()
  const other = await startRedis()
  await other.call('SET', 'who', 'other')
  proxy.retarget(other)
  expect(await redis.get('who')).toBe(null)
  proxy.cut()
  await waitUntil('a new connection', async () => redis.status === 'ready' && (await redis.get('who')) === 'other')
  await other.stop()
})

test('delay() holds replies, in order; the server has run them', async () => {
  const redis = await once()
  const before = timers()
  proxy.delay(60_000)
  const late = redis.incr('a')
  late.catch(() => undefined)
  await waitUntil('the server to run it', async () => (await server.call('GET', 'a')) === '1')
  proxy.delay(5)
  const { ask } = await raw(proxy.port)
  expect(await ask('INCR a\r\n')).toBe(':2\r\n')
  redis.disconnect()
  await proxy.close()
  expect(proxy.connections).toBe(0)
  await waitUntil('the timer of the reply that waits a minute to be cleared', () => timers() <= before, 5000)
})

test('delay() can hold requests instead', async () => {
  const redis = await once({ commandTimeout: 50 })
  proxy.delay(60_000, 'requests')
  await expect(redis.incr('a')).rejects.toThrow('timed out')
  expect(await server.call('GET', 'a')).toBe(null)
})

test('a black hole lets nothing pass, and loses nothing', async () => {
  const redis = await once({ commandTimeout: 50 })
  proxy.blackHole(true)
  await expect(redis.incr('a')).rejects.toThrow('timed out')
  expect(await server.call('GET', 'a')).toBe(null)
  expect(proxy.connections).toBe(1)
  proxy.blackHole(false)
  await waitUntil('what was sent to arrive', async () => (await server.call('GET', 'a')) === '1')
  expect(await redis.incr('a')).toBe(2)
})

test('refuse() refuses new connections, and only those', async () => {
  const redis = await once()
  await proxy.refuse(true)
  await expect(raw(proxy.port)).rejects.toThrow('ECONNREFUSED')
  expect(await redis.ping()).toBe('PONG')
  await proxy.refuse(false)
  const { ask } = await raw(proxy.port)
  expect(await ask('PING\r\n')).toBe('+PONG\r\n')
})

test('a hook sees requests, and can hold them while it acts', async () => {
  const redis = await once()
  const remove = proxy.onRequest(async (request) => {
    if (request.includes('incr')) await server.call('SET', 'a', '41')
  })
  expect(await redis.incr('a')).toBe(42)
  remove()
  expect(await redis.incr('a')).toBe(43)
  expect(proxy.stats).toMatchObject({ accepted: 1, lost: 0 })
  expect(proxy.stats.requestBytes).toBeGreaterThan(proxy.stats.requests)
  expect(proxy.stats.replyBytes).toBeGreaterThan(0)
})

test('a server that is gone closes its clients', async () => {
  proxy = await tcpProxy({ host: '127.0.0.1', port: 1 })
  const { ask } = await raw(proxy.port)
  expect(await ask('PING\r\n').catch(() => 'closed')).toBe('closed')
})

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}

interface Raw {
  seen(): string
  /** The next bytes that come after these, or `closed`. */
  ask(bytes: string): Promise<string>
}
function raw(port: number): Promise<Raw> {
  return new Promise((resolve, reject) => {
    let seen = ''
    let heard: ((what: string) => void) | undefined
    const socket = connect(port, '127.0.0.1', () => {
      resolve({
        seen: () => seen,
        ask: (bytes) =>
          new Promise((answer) => {
            heard = answer
            if (socket.destroyed) answer('closed')
            else socket.write(bytes)
          }),
      })
    })
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      seen += text
      heard?.(text)
    })
    socket.on('close', () => heard?.('closed'))
    socket.on('error', reject)
  })
}
