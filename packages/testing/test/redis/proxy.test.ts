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

/** A client that never resends a command, connected through a new proxy. */
async function proxiedClient(options: ClientOptions = {}): Promise<Redis> {
  proxy = await tcpProxy(server)
  const { port, host } = proxy
  const redis = server.client({ host, port, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0, ...options })
  await redis.ping()
  return redis
}

test('loseReplies(): the server runs the request once, and the client sees a closed connection', async () => {
  const redis = await proxiedClient()
  proxy.loseReplies({ after: (request) => request.includes('incr') })
  expect(await redis.set('b', '1')).toBe('OK')
  await expect(redis.incr('a')).rejects.toThrow('max retries')
  expect(await server.call('GET', 'a')).toBe('1')
  expect(proxy.stats.lost).toBe(1)
  await waitUntil('a new connection', () => redis.status === 'ready')
  expect(await redis.incr('a')).toBe(2)
})

test('loseReplies({ after }): earlier requests get their replies, and no byte of the next one passes', async () => {
  await proxiedClient()
  proxy.loseReplies({ after: 2 })
  const { received, send } = await rawConnection(proxy.port)
  expect(await send('INCR a\r\n')).toBe(':1\r\n')
  expect(await send('INCR a\r\n')).toBe(':2\r\n')
  expect(await send('INCR a\r\nINCR a\r\n')).toBe('closed')
  expect(received()).toBe(':1\r\n:2\r\n')
  expect(await server.call('GET', 'a')).toBe('4')
})

test('cut() closes open connections', async () => {
  const redis = await proxiedClient()
  expect(proxy.connections).toBe(1)
  const closed = new Promise((resolve) => redis.once('close', resolve))
  proxy.cut()
  await closed
  await waitUntil('the proxy to notice', () => proxy.stats.accepted === 2 && proxy.connections === 1)
})

test('makeHalfOpen() silences open connections without closing them, and new ones work', async () => {
  const redis = await proxiedClient({ commandTimeout: 200 })
  proxy.makeHalfOpen()
  await expect(redis.incr('a')).rejects.toThrow('timed out')
  expect(redis.status).toBe('ready')
  expect(await server.call('GET', 'a')).toBe(null)
  const { send } = await rawConnection(proxy.port)
  expect(await send('INCR a\r\n')).toBe(':1\r\n')
})

test('retarget() connects new clients to another server', async () => {
  const redis = await proxiedClient()
  const other = await startRedis()
  await other.call('SET', 'who', 'other')
  proxy.retarget(other)
  expect(await redis.get('who')).toBe(null)
  proxy.cut()
  await waitUntil('a new connection', async () => redis.status === 'ready' && (await redis.get('who')) === 'other')
  await other.stop()
})

test('delay() holds replies in order, after the server has run the requests', async () => {
  const redis = await proxiedClient()
  const before = timers()
  proxy.delay(60_000)
  const late = redis.incr('a')
  late.catch(() => undefined)
  await waitUntil('the server to run it', async () => (await server.call('GET', 'a')) === '1')
  proxy.delay(5)
  const { send } = await rawConnection(proxy.port)
  expect(await send('INCR a\r\n')).toBe(':2\r\n')
  redis.disconnect()
  await proxy.close()
  expect(proxy.connections).toBe(0)
  await waitUntil('the timer of the delayed reply to be cleared', () => timers() <= before, 5000)
})

test('delay(ms, requests) holds requests before the server runs them', async () => {
  const redis = await proxiedClient({ commandTimeout: 50 })
  proxy.delay(60_000, 'requests')
  await expect(redis.incr('a')).rejects.toThrow('timed out')
  expect(await server.call('GET', 'a')).toBe(null)
})

test('blackHole() lets nothing pass, and passes everything on afterwards', async () => {
  const redis = await proxiedClient({ commandTimeout: 50 })
  proxy.blackHole(true)
  await expect(redis.incr('a')).rejects.toThrow('timed out')
  expect(await server.call('GET', 'a')).toBe(null)
  expect(proxy.connections).toBe(1)
  proxy.blackHole(false)
  await waitUntil('the held request to arrive', async () => (await server.call('GET', 'a')) === '1')
  expect(await redis.incr('a')).toBe(2)
})

test('refuse() refuses new connections and keeps open ones', async () => {
  const redis = await proxiedClient()
  await proxy.refuse(true)
  await expect(rawConnection(proxy.port)).rejects.toThrow('ECONNREFUSED')
  expect(await redis.ping()).toBe('PONG')
  await proxy.refuse(false)
  const { send } = await rawConnection(proxy.port)
  expect(await send('PING\r\n')).toBe('+PONG\r\n')
})

test('onRequest() receives each request, and the request waits for the hook', async () => {
  const redis = await proxiedClient()
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

test('a client of a dead server sees its connection closed', async () => {
  proxy = await tcpProxy({ host: '127.0.0.1', port: 1 })
  const { send } = await rawConnection(proxy.port)
  expect(await send('PING\r\n').catch(() => 'closed')).toBe('closed')
})

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}

interface RawConnection {
  received(): string
  /** Sends bytes. Resolves with the next bytes received, or `closed`. */
  send(bytes: string): Promise<string>
}
function rawConnection(port: number): Promise<RawConnection> {
  return new Promise((resolve, reject) => {
    let received = ''
    let onReceived: ((bytes: string) => void) | undefined
    const socket = connect(port, '127.0.0.1', () => {
      resolve({
        received: () => received,
        send: (bytes) =>
          new Promise((resolveSend) => {
            onReceived = resolveSend
            if (socket.destroyed) resolveSend('closed')
            else socket.write(bytes)
          }),
      })
    })
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      received += text
      onReceived?.(text)
    })
    socket.on('close', () => onReceived?.('closed'))
    socket.on('error', reject)
  })
}
