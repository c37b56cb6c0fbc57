// The events of commands, which `observe()` hears.
import { type CommandEvent, createLimiter, observe, slidingWindow, type Store } from '@sluice/core'
import { type RedisServer, startRedis, waitUntil } from '@sluice/testing/redis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { charge, keptForTest, rawStore, take, took } from './support.ts'

let server: RedisServer
let heard: CommandEvent[] = []
let stop: () => void
let prefixes = 0
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
const kept = keptForTest()
beforeEach(() => {
  heard = []
  stop = observe({ command: (event) => void heard.push(event) })
})
afterEach(() => stop())

const raw = (options = {}): Store => kept(rawStore({ url: server.url }, { prefix: `c${++prefixes}`, ...options }))
const measured = { type: 'command', store: 'redis', shard: 'redis', milliseconds: expect.any(Number) }

test.each([{}, { scripting: false }])('one event for each command, with its decisions: %o', async (options) => {
  const store = raw(options)
  await took(store, charge('first'))
  heard.length = 0
  await Promise.all(['a', 'b', 'c'].map((subject) => took(store, charge(subject))))
  expect(heard).toEqual([{ ...measured, decisions: 3, ok: true }])
  expect(heard[0]?.milliseconds).toBeGreaterThan(0)
  expect(heard[0]?.milliseconds).toBeLessThan(5_000)
  stop()
  await took(store, charge('a'))
  expect(heard).toHaveLength(1)
})

test('a decision that needs the full script is a command of its own', async () => {
  const store = raw()
  await took(store, charge('first'))
  heard.length = 0
  await Promise.all([took(store, charge('a')), take(store, charge('b'), { how: 'peek' })])
  expect(heard.map(({ decisions, ok }) => [decisions, ok])).toEqual([
    [1, true],
    [1, true],
  ])
})

test.each([{}, { scripting: false }])('a command without an answer is not ok: %o', async (options) => {
  const store = raw(options)
  await took(store, charge('first'))
  heard.length = 0
  await server.pause()
  const failed = took(store, charge('a')).catch(() => undefined)
  await waitUntil('the event', () => heard.length > 0)
  await server.resume()
  await failed
  expect(heard[0]).toEqual({ ...measured, decisions: 1, ok: false })
})

test('what the deny cache answers is no command', async () => {
  const store = raw({ denyCache: true })
  const limiter = createLimiter({ name: 'denied', limits: [slidingWindow({ name: 'minute', limit: 1, window: '1m' })], store })
  for (const _ of [1, 2]) await limiter.consume('a')
  const { length } = heard
  expect((await limiter.consume('a')).source).toBe('deny-cache')
  expect(heard).toHaveLength(length)
})
