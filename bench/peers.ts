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

/** ms: the windows of a plan with three limits. */
export const WINDOWS_OF_THREE: readonly [number, number, number] = [WINDOW, 24 * WINDOW, 7 * 24 * WINDOW]

export const PEERS: Readonly<Record<string, (client: Redis) => Decide | Promise<Decide>>> = {
  'rate-limiter-flexible': (client) => flexible(client, WINDOW),
  'rate-limit-redis': (client) => rateLimitRedis(client, WINDOW),
  'throttler-storage-redis': (client) => {
    const storage = new ThrottlerStorageRedisService(client)
    return (subject) => storage.increment(subject, WINDOW, LIMIT, 0, 'default')
  },
}

/** Three limits, as an application has them with a peer: three limiters, called at once. Not all or none, as in Sluice. */
export const PEERS_CALLED_THREE_TIMES: Readonly<Record<string, (client: Redis) => Promise<Decide>>> = {
  'rate-limiter-flexible': (client) => three((window) => flexible(client, window)),
  'rate-limit-redis': (client) => three((window) => rateLimitRedis(client, window)),
}

async function three(make: (window: number) => Decide | Promise<Decide>): Promise<Decide> {
  const [first, second, third] = (await Promise.all(WINDOWS_OF_THREE.map(make))) as [Decide, Decide, Decide]
  return (subject) => Promise.all([first(subject), second(subject), third(subject)])
}

function flexible(client: Redis, window: number): Decide {
  const limiter = new RateLimiterRedis({
    storeClient: client,
    points: LIMIT,
    duration: window / 1_000,
    keyPrefix: window === WINDOW ? 'flexible' : `flexible${window}`,
  })
  return (subject) => limiter.consume(subject)
}

async function rateLimitRedis(client: Redis, window: number): Promise<Decide> {
  const sendCommand = (command: string, ...args: string[]) => client.call(command, ...args) as Promise<RedisReply>
  const store = new RedisStore({ sendCommand, prefix: window === WINDOW ? 'rl:' : `rl${window}:` })
  await store.init({ windowMs: window } as Options)
  return (subject) => store.increment(subject)
}

/** A client with the replies of ioredis 5, for which the peers were written. */
export function connect(url: string): Redis {
  return new Redis(url, { replyMapping: 'legacy' })
}
