// The peers that can be asked for a decision on Redis without HTTP, each through its own client as its documentation has it.
import { ThrottlerStorageRedisService } from '@nest-lab/throttler-storage-redis'
import type { RedisStoreOptions } from '@sluice/redis'
import type { Options } from 'express-rate-limit'
import { Redis } from 'ioredis'
import { RedisStore, type RedisReply } from 'rate-limit-redis'
import { RateLimiterRedis } from 'rate-limiter-flexible'

export type Ask = (subject: string) => unknown

export const LIMIT = 100_000_000
/** ms, of every lane: with shorter ones, most of what a lane does in its few turns would be to begin windows. */
export const WINDOW = 3_600_000

/** Every decision is Redis's own. */
export const EXACT: RedisStoreOptions = { denyCache: false, leases: false, failover: false }

export const PEERS: Readonly<Record<string, (client: Redis) => Ask | Promise<Ask>>> = {
  'rate-limiter-flexible': (client) => {
    const limiter = new RateLimiterRedis({ storeClient: client, points: LIMIT, duration: WINDOW / 1_000, keyPrefix: 'flexible' })
    return (subject) => limiter.consume(subject)
  },
  'rate-limit-redis': async (client) => {
    const sendCommand = (command: string, ...args: string[]) => client.call(command, ...args) as Promise<RedisReply>
    const store = new RedisStore({ sendCommand })
    await store.init({ windowMs: WINDOW } as Options)
    return (subject) => store.increment(subject)
  },
  'throttler-storage-redis': (client) => {
    const storage = new ThrottlerStorageRedisService(client)
    return (subject) => storage.increment(subject, WINDOW, LIMIT, 0, 'default')
  },
}

/** ioredis 6 names its replies unless told not to; the peers were written for those of before. */
export function connect(url: string): Redis {
  return new Redis(url, { replyMapping: 'legacy' })
}
