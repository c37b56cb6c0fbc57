// The peers that decide on Redis without HTTP, each set up as its own documentation says.
import { ThrottlerStorageRedisService } from '@nest-lab/throttler-storage-redis'
import type { RedisStoreOptions } from '@sluice/redis'
import type { Options } from 'express-rate-limit'
import { Redis } from 'ioredis'
import { RedisStore, type RedisReply } from 'rate-limit-redis'
import { RateLimiterRedis } from 'rate-limiter-flexible'

export type Decide = (subject: string) => unknown

/** Out of reach, so that every decision admits. */
export const LIMIT = 100_000_000
/** ms, for every contender. With a shorter window, a contender would spend much of each turn on opening windows. */
export const WINDOW = 3_600_000

/** Redis makes every decision. */
export const WITHOUT_LAYERS: RedisStoreOptions = { denyCache: false, leases: false, failover: false }

export const PEERS: Readonly<Record<string, (client: Redis) => Decide | Promise<Decide>>> = {
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

/** A client with the replies of ioredis 5, for which the peers were written. */
export function connect(url: string): Redis {
  return new Redis(url, { replyMapping: 'legacy' })
}
