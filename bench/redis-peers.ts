// The peers that can be asked for a decision on Redis without HTTP, each through its own client as its documentation has it.
import { ThrottlerStorageRedisService } from '@nest-lab/throttler-storage-redis'
import type { Options } from 'express-rate-limit'
import { Redis } from 'ioredis'
import { RedisStore, type RedisReply } from 'rate-limit-redis'
import { RateLimiterRedis } from 'rate-limiter-flexible'

export interface Peer {
  readonly name: string
  readonly ask: (subject: string) => Promise<unknown>
}

export const LIMIT = 100_000_000

export async function redisPeers(url: string): Promise<{ readonly peers: readonly Peer[]; readonly close: () => void }> {
  const clients = Array.from({ length: 3 }, () => connect(url))
  const [first, second, third] = clients as [Redis, Redis, Redis]
  await Promise.all(clients.map((client) => client.ping()))
  const flexible = new RateLimiterRedis({ storeClient: first, points: LIMIT, duration: 60, keyPrefix: 'flexible' })
  const store = new RedisStore({
    sendCommand: (command: string, ...args: string[]) => second.call(command, ...args) as Promise<RedisReply>,
  })
  await store.init({ windowMs: 60_000 } as Options)
  const storage = new ThrottlerStorageRedisService(third)
  return {
    peers: [
      { name: 'rate-limiter-flexible', ask: (subject) => flexible.consume(subject) },
      { name: 'rate-limit-redis', ask: (subject) => store.increment(subject) },
      { name: 'throttler-storage-redis', ask: (subject) => storage.increment(subject, 60_000, LIMIT, 0, 'default') },
    ],
    close: () => clients.forEach((client) => client.disconnect()),
  }
}

/** ioredis 6 names its replies unless told not to; the peers were written for those of before. */
export function connect(url: string): Redis {
  return new Redis(url, { replyMapping: 'legacy' })
}
