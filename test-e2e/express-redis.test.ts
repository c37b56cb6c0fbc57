// examples/express-redis as a person runs it: one command, two processes, one limit, ended by Ctrl-C.
import { createLimiter, fixedWindow } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { nodeProgram, runProgram, type RunningProgram } from './support/running-program.ts'

let program: RunningProgram | undefined
let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
afterEach(() => program?.stop())

test('two processes share one limit on a Redis server that the example starts and ends', async () => {
  const started = start({ REDIS_URL: undefined, LIMIT: '4', WINDOW: '1h' })
  const [one, two] = await urlsOf(started)
  const rows = [...started.output().matchAll(/^\d+ +(\d{3}) +([AB]) +(\S+)/gm)].map(([, ...cells]) => cells)
  expect(rows.map(([status]) => status)).toEqual(['200', '200', '200', '200', '429', '429'])
  expect(rows.map(([, name]) => name)).toEqual(['A', 'B', 'A', 'B', 'A', 'B'])
  expect(rows.map(([, , header]) => /r=(\d+)/.exec(header!)?.[1])).toEqual(['3', '2', '1', '0', '0', '0'])

  for (const url of [one!, two!]) {
    const response = await fetch(url)
    expect(response.status).toBe(429)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(3_000)
    await response.text()
  }

  const redis = /redis:\/\/[\d.]+:\d+/.exec(started.output())![0]
  expect(await started.interrupt()).toEqual([0, null])
  expect(started.output()).not.toMatch(/^\s+at /m)
  await expect(fetch(one!)).rejects.toThrow('fetch failed')
  await expect(fetch(two!)).rejects.toThrow('fetch failed')
  const probe = new Redis(redis, { lazyConnect: true, retryStrategy: () => null })
  probe.on('error', () => undefined)
  await expect(probe.connect()).rejects.toThrow('Connection is closed')
  probe.disconnect()
})

test('REDIS_URL names another Redis, which keeps running afterwards', async () => {
  const started = start({ REDIS_URL: server.url, PREFIX: 'example', LIMIT: '2', BURST: '2' })
  const [one] = await urlsOf(started)
  expect((await fetch(one!)).status).toBe(429)
  const keys = (await server.call('KEYS', 'example:{*}:default:*')) as string[]
  expect(keys).toHaveLength(1)
  expect(await started.interrupt()).toEqual([0, null])
  expect(await server.call('PING')).toBe('PONG')
})

test('without redis-server it says what to do', async () => {
  const started = start({ REDIS_URL: undefined, PATH: '' })
  expect(await started.ended).toEqual([1, null])
  expect(started.output()).toMatch(/^redis-server is not on PATH\. Install it \(.*\), or set REDIS_URL=redis:\/\/host:port\.\n$/)
})

test('when one process ends, the example and its Redis end too', async () => {
  const taken = start({ REDIS_URL: server.url, BURST: '0' })
  const [url] = await urlsOf(taken)
  const second = start({ REDIS_URL: undefined, PORT: new URL(url!).port })
  expect(await second.ended).toEqual([1, null])
  expect(second.output()).toContain('EADDRINUSE')
  expect(await taken.interrupt()).toEqual([0, null])
})

test('state.ts prints the state of a subject, also of another version of the policy, and changes nothing', async () => {
  const options = { prefix: 'state', failover: false } as const
  const store = redisStore({ url: server.url }, options)
  for (const limit of [
    fixedWindow({ name: 'requests', limit: 6, window: '1h', anchor: 'first' }),
    fixedWindow({ name: 'day', limit: 9, window: '1d' }),
  ]) {
    const limiter = createLimiter({ store, limits: [limit] })
    await limiter.consume('203.0.113.7', { cost: 4 })
    await limiter.close()
  }
  await store.close?.()
  const [key] = (await server.call('KEYS', 'state:{*}:default:*')) as string[]
  const before = await server.call('DUMP', key!)
  program = runProgram([...nodeProgram('examples', 'express-redis', 'state.ts'), '203.0.113.7'], {
    env: { REDIS_URL: server.url, PREFIX: 'state', WINDOW: '1h' },
  })
  expect(await program.ended).toEqual([0, null])
  const [, ...lines] = program.output().trim().split('\n')
  expect(lines).toEqual([
    '',
    'default',
    expect.stringMatching(/^ {2}limit +algorithm +used +full again +window ends$/),
    expect.stringMatching(/^ {2}requests +fixedWindow +4 of 6 +in \d+ min +in \d+ min$/),
    expect.stringMatching(/^ {2}#[0-9a-f]{8} +unknown +4 +\? +by \d+ \w+$/),
    expect.stringMatching(/^ {2}state:\{\d+\}:default:203\.0\.113\.7 expires in \d+ \w+$/),
  ])
  expect(await server.call('DUMP', key!)).toEqual(before)
})

function start(env: Readonly<Record<string, string | undefined>>): RunningProgram {
  // With a long deadline, Redis decides even on a busy machine.
  program = runProgram(nodeProgram('examples', 'express-redis', 'main.ts'), { env: { PORT: '0', DEADLINE: '10000', ...env } })
  return program
}

/** The addresses of the two processes, once both listen. */
async function urlsOf(example: RunningProgram): Promise<readonly string[]> {
  await example.waitFor(/Ctrl-C/)
  return [...example.output().matchAll(/curl -i (\S+)/g)].map(([, url]) => url!)
}
