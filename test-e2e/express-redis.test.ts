// The Redis example as a person has it: one command, two processes, one limit, ended by Ctrl-C.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type RedisServer, startRedis, waitUntil } from '@sluice/testing/redis'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { ROOT } from './support/workspace.ts'

let child: ChildProcess | undefined
let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
// SIGTERM, since it ends what it started.
afterEach(() => child?.kill('SIGTERM'))

test('shows one limit shared by two processes, on a Redis of its own that is gone afterwards', async () => {
  const started = start({ REDIS_URL: undefined, LIMIT: '4', WINDOW: '1h' })
  const [one, two] = await started.urls
  const rows = [...started.said().matchAll(/^\d+ +(\d{3}) +([AB]) +(\S+)/gm)].map(([, ...cells]) => cells)
  expect(rows.map(([status]) => status)).toEqual(['200', '200', '200', '200', '429', '429'])
  expect(rows.map(([, name]) => name)).toEqual(['A', 'B', 'A', 'B', 'A', 'B'])
  expect(rows.map(([, , header]) => /r=(\d+)/.exec(header!)?.[1])).toEqual(['3', '2', '1', '0', '0', '0'])

  for (const url of [one!, two!]) {
    const response = await fetch(url)
    expect(response.status).toBe(429)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(3_000)
    await response.text()
  }

  const redis = /redis:\/\/[\d.]+:\d+/.exec(started.said())![0]
  expect(await started.end()).toEqual([0, null])
  expect(started.said()).not.toMatch(/^\s+at /m)
  await expect(fetch(one!)).rejects.toThrow('fetch failed')
  await expect(fetch(two!)).rejects.toThrow('fetch failed')
  const probe = new Redis(redis, { lazyConnect: true, retryStrategy: () => null })
  probe.on('error', () => undefined)
  await expect(probe.connect()).rejects.toThrow('Connection is closed')
  probe.disconnect()
})

test('uses the Redis of REDIS_URL, and leaves it up', async () => {
  const started = start({ REDIS_URL: server.url, PREFIX: 'example', LIMIT: '2', BURST: '2' })
  const [one] = await started.urls
  expect((await fetch(one!)).status).toBe(429)
  const keys = (await server.call('KEYS', 'example:*default/requests*')) as string[]
  expect(keys).toHaveLength(1)
  expect(await started.end()).toEqual([0, null])
  expect(await server.call('PING')).toBe('PONG')
})

test('says what to do when there is no redis-server', async () => {
  const started = start({ REDIS_URL: undefined, PATH: '' })
  expect(await started.ended).toEqual([1, null])
  expect(started.said()).toMatch(/^redis-server is not on PATH\. Install it \(.*\), or set REDIS_URL=redis:\/\/host:port\.\n$/)
})

test('ends, and ends its Redis, when one of its processes does', async () => {
  const taken = start({ REDIS_URL: server.url, BURST: '0' })
  const [url] = await taken.urls
  const second = start({ REDIS_URL: undefined, PORT: new URL(url!).port })
  expect(await second.ended).toEqual([1, null])
  expect(second.said()).toContain('EADDRINUSE')
  expect(await taken.end()).toEqual([0, null])
})

function start(env: Readonly<Record<string, string | undefined>>) {
  const main = join(ROOT, 'examples', 'express-redis', 'main.ts')
  const started = spawn(process.execPath, ['--conditions=source', main], {
    // Redis decides, however busy this machine is.
    env: { ...process.env, PORT: '0', DEADLINE: '10000', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child = started
  let said = ''
  for (const stream of [started.stdout, started.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  // `close` and not `exit`: all that it said has been read.
  const ended = once(started, 'close')
  const urls = waitUntil('the example to listen', () => started.exitCode !== null || /Ctrl-C/.test(said)).then(() => {
    if (started.exitCode !== null) throw new Error(`It ended before it was ready:\n${said}`)
    return [...said.matchAll(/curl -i (\S+)/g)].map(([, url]) => url!)
  })
  urls.catch(() => undefined)
  return {
    said: () => said,
    urls,
    ended,
    end() {
      started.kill('SIGINT')
      return ended
    },
  }
}
