// D18, M3, newcomer 23: what is no place to connect to is refused, and the message says what it is and what to do.
import { redisStore, type RedisSource } from '@sluice/redis'
import { expect, test } from 'vitest'

const nothing = (): undefined => undefined
class RedisMock {
  readonly _events = {}
  readonly get = nothing
  readonly cluster = nothing
  readonly customCommand = nothing
  readonly defineRedisObject = nothing
}
const CLIENTS: Readonly<Record<string, [object, RegExp]>> = {
  'D18: ioredis-mock': [new RedisMock(), /got a client of ioredis-mock, which is no Redis; use memoryStore\(\) in tests \(/],
  'M3: node-redis 4': [
    { isOpen: true, get: nothing, sendCommand: nothing },
    /got a client of node-redis \(the package redis\) before version 5; update it to version 5 or newer/,
  ],
  'M3: @upstash/redis': [
    { get: nothing, createScript: nothing },
    /which speaks HTTP; connect to the same database over TCP: install ioredis/,
  ],
  'another client': [{ get: nothing, url: 'redis://localhost' }, /got another client; install ioredis beside it.+, or use memoryStore\(\)/],
}

test.each(Object.entries(CLIENTS))('%s is refused', (_, [client, words]) => {
  const message = expect.stringMatching(words)
  expect(() => redisStore(client as RedisSource)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', message }))
  expect(() => redisStore(client as RedisSource)).toThrow(
    /^redisStore: expected a client of ioredis, iovalkey, node-redis or valkey-glide, got /,
  )
})

test.each([
  'localhost:6379',
  'http://x',
  'https://user:secret@x',
  '127.0.0.1',
  '6379',
  'redis:',
  'redis://',
  'redis://:p/w@x:1',
  'redis://x:port',
  'valkey://x',
  ' redis://x',
  '/',
])('newcomer 23: the url %j is refused, and not shown', (url) => {
  const expected = expect.objectContaining({
    code: 'ERR_OPTION_INVALID',
    message:
      'redisStore: expected { url } with a text such as redis://localhost:6379, rediss://localhost:6379 for TLS, or the path of a socket, got another text (ERR_OPTION_INVALID, see docs/errors.md)',
  })
  expect(() => redisStore({ url })).toThrow(expected)
  expect(() => redisStore({ url: 'redis://127.0.0.1:1' }, { replica: { url } })).toThrow(expected)
})

test.each(['redis://127.0.0.1:1', 'REDISS://127.0.0.1:1', '/nowhere/redis.sock', 'redis://:p%2Fw@127.0.0.1:1/0?family=4'])(
  'the url %j is accepted',
  async (url) => {
    await redisStore({ url }).close?.()
  },
)
