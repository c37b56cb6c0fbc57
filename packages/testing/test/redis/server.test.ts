import { expect, test } from 'vitest'
import { Redis } from 'ioredis'
import { startRedis, waitUntil } from '../../src/redis/index.ts'
import { isFree } from '../../src/redis/ports.ts'
import { stopAfterTest } from './support.ts'

test('starts, answers, and has ended after stop()', async () => {
  const server = await stopAfterTest(startRedis())
  const redis = server.client()
  expect(await redis.set('a', '1')).toBe('OK')
  const byUrl = new Redis(server.url)
  expect(await byUrl.get('a')).toBe('1')
  byUrl.disconnect()
  expect(server.alive).toBe(true)
  expect(server.logs()).toContain('Ready to accept connections')
  await server.stop()
  expect(server.alive).toBe(false)
  expect(await isFree(server.port)).toBe(true)
  expect(server.logs()).toContain('Ready to accept connections')
  await server.stop()
})

test('restarts on its port, also after kill(), and keeps its data only with keepData', async () => {
  const server = await stopAfterTest(startRedis())
  await server.call('SET', 'a', 'kept')
  await server.restart({ keepData: true })
  expect(await server.call('GET', 'a')).toBe('kept')
  await server.restart()
  expect(await server.call('GET', 'a')).toBe(null)
  await server.kill()
  expect(server.alive).toBe(false)
  await expect(server.call('PING')).rejects.toThrow('Connection is closed')
  await server.restart()
  expect(await server.call('PING')).toBe('PONG')
})

test('pause() accepts connections without answering, and resume() answers them', async () => {
  const server = await stopAfterTest(startRedis())
  const redis = server.client({ commandTimeout: 100 })
  await redis.ping()
  await server.pause()
  await expect(redis.incr('a')).rejects.toThrow('timed out')
  await server.resume()
  await waitUntil('the command to run', async () => (await server.call('GET', 'a')) === '1')
  await server.pause()
  await server.stop()
  expect(await isFree(server.port)).toBe(true)
})

test('TLS and a password are checked', async () => {
  const server = await stopAfterTest(startRedis({ tls: true, password: 'pa:ss@word' }))
  expect(await server.call('ACL', 'WHOAMI')).toBe('default')
  expect(server.url).toBe(`rediss://:pa%3Ass%40word@127.0.0.1:${server.port}`)
  const { tls } = server.options
  const byUrl = new Redis(server.url, { tls: tls! })
  expect(await byUrl.set('a', '1')).toBe('OK')
  byUrl.disconnect()
  const withoutPassword = new Redis({ port: server.port, tls: tls!, retryStrategy: () => null })
  withoutPassword.on('error', () => undefined)
  await expect(withoutPassword.get('a')).rejects.toThrow('NOAUTH')
  withoutPassword.disconnect()
  const withoutAuthority = new Redis({ port: server.port, password: 'pa:ss@word', tls: {}, lazyConnect: true, retryStrategy: () => null })
  const errors: Error[] = []
  withoutAuthority.on('error', (error) => errors.push(error))
  await expect(withoutAuthority.connect()).rejects.toThrow('Connection is closed')
  expect(String(errors[0])).toMatch(/certificate/)
})

test('a server that cannot start rejects with the reason', async () => {
  await expect(startRedis({ args: ['--no-such-option', '1'] })).rejects.toThrow(/no-such-option/)
})
