import type { Charge } from '@sluice/core'
import { Keys } from '../keys.ts'
import { type RedisStoreOptions, settingsOf } from '../options.ts'
import type { Numbers } from './codec.ts'
import { EntryList } from './entries.ts'

/** What `storedStates` needs of a client. A client of ioredis has it, for one server, Sentinel or Cluster. */
export interface ValueReader {
  getBuffer(key: string): Promise<Buffer | null>
}

/** A window or a bucket in a value of Redis, as it is stored. */
export interface StoredEntry {
  /** The key in Redis. Windows and buckets of one policy and subject share it. */
  readonly key: string
  /** The name of its limit. `undefined` if it is a state of none of the charges: of another tier, or of another version of the policy. */
  readonly limit: string | undefined
  /** The 32-bit id of the state. */
  readonly id: number
  /** ms since the Unix epoch until which the state counts. It may be past, since ended states leave with a later charge. */
  readonly until: number
  /** The three numbers of the state. docs/redis.md says what they mean for each algorithm. */
  readonly numbers: readonly [first: number, second: number, third: number]
}

/**
 * Reads the windows and buckets under the keys of the charges, also those that belong to none of the charges. It writes nothing. Sliding
 * logs, concurrency and packed windows are left out: they have keys of their own, and `peek` reads them.
 * @param charges those of a decision, such as `limiter.peek(subject)`
 * @param options the `prefix` and the `partitions` of the store
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, and the error of the client
 * @example
 * ```ts
 * import { createLimiter, slidingWindow } from '@sluice/core'
 * import { redisStore, storedStates } from '@sluice/redis'
 * import { Redis } from 'ioredis'
 *
 * const store = redisStore({ url: 'redis://localhost:6379' })
 * const limiter = createLimiter({ store, limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' })] })
 * const { charges } = await limiter.peek('user:42')
 * for (const { limit = 'unknown', until } of await storedStates(new Redis(), charges)) console.log(limit, new Date(until))
 * ```
 */
export async function storedStates(
  client: ValueReader,
  charges: readonly Charge[],
  options: Pick<RedisStoreOptions, 'prefix' | 'partitions'> = {},
): Promise<readonly StoredEntry[]> {
  const { prefix, partitions } = settingsOf(options)
  const keys = new Keys(prefix, partitions)
  const limitsByKey = new Map<string, Map<number, string>>()
  for (const charge of charges) {
    const { id, isEntry, limit } = keys.placementOf(charge)
    if (!isEntry) continue
    const key = keys.keyOf(charge)
    const limits = limitsByKey.get(key) ?? new Map<number, string>()
    limitsByKey.set(key, limits.set(id, limit.name))
  }
  const found = Array.from(limitsByKey, async ([key, limits]) =>
    Array.from(new EntryList(await client.getBuffer(key)).list(), ([id, numbers]) => entryOf(key, limits.get(id), id, numbers)),
  )
  return (await Promise.all(found)).flat()
}

function entryOf(key: string, limit: string | undefined, id: number, numbers: Numbers): StoredEntry {
  return { key, limit, id, until: Math.floor(numbers[0] / 1000), numbers }
}
