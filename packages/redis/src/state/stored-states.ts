import type { Charge } from '@sluice/core'
import { Keys } from '../keys.ts'
import { type RedisStoreOptions, settingsOf } from '../options.ts'
import type { Numbers } from './codec.ts'
import { BLOCK_ID, EntryList } from './entries.ts'

/** What `storedStates` needs of a client. A client of ioredis has it, for one server, Sentinel or Cluster. */
export interface ValueReader {
  getBuffer(key: string): Promise<Buffer | null>
}

/** A window, a bucket or a block in a value of Redis, as it is stored. */
export interface StoredEntry {
  /** The key in Redis. Windows and buckets of one policy and subject share it. */
  readonly key: string
  /** `block` for the entry of a blocked subject, which has the 32-bit id 0xffffffff; `state` for a window or a bucket. */
  readonly kind: 'state' | 'block'
  /**
   * The name of its limit. `undefined` for a block, and for a state of none of the charges: of another tier, or of another version of the policy.
   */
  readonly limit: string | undefined
  /** The 32-bit id of the state. */
  readonly id: number
  /** ms since the Unix epoch until which the state counts, or the subject is blocked. It may be past, since ended states leave with a later charge. */
  readonly until: number
  /** The three numbers of the state. docs/redis.md says what they mean for each algorithm. */
  readonly numbers: readonly [first: number, second: number, third: number]
}

/**
 * Reads the windows, buckets and blocks under the keys of the charges, also those that belong to none of the charges. It writes nothing. Sliding
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
 * for (const { limit, kind, until } of await storedStates(new Redis(), charges)) console.log(limit ?? kind, new Date(until))
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
    const placement = keys.placementOf(charge)
    // A limit whose state has a key of its own reads blocks from the value, too.
    const key = keys.valueKeyOf(placement, charge.subject)
    const limits = limitsByKey.get(key) ?? new Map<number, string>()
    limitsByKey.set(key, limits)
    if (placement.isEntry) limits.set(placement.id, placement.limit.name)
  }
  const found = Array.from(limitsByKey, async ([key, limits]) =>
    Array.from(new EntryList(await client.getBuffer(key)).list(), ([id, numbers]) => entryOf(key, limits.get(id), id, numbers)),
  )
  return (await Promise.all(found)).flat()
}

function entryOf(key: string, limit: string | undefined, id: number, numbers: Numbers): StoredEntry {
  return { key, kind: id === BLOCK_ID ? 'block' : 'state', limit, id, until: Math.floor(numbers[0] / 1000), numbers }
}
