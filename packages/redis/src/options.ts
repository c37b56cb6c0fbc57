import { type Clock, type DenyCacheOptions, type FailoverOptions, type LeaseOptions, SluiceError } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/store-kit'
import type { RedisSource } from './client/connect.ts'
import type { RedisRegions } from './regions/types.ts'
import { isPartitionCount, isSubjectCount, MAX_PARTITIONS, MAX_SUBJECTS } from './layout.ts'

/**
 * Options of `redisStore`.
 * @example
 * ```ts
 * import { type RedisStoreOptions, redisStore } from '@sluice/redis'
 *
 * const options: RedisStoreOptions = { prefix: 'shop', failover: { deadline: 50 }, leases: true }
 * const store = redisStore({ url: 'redis://localhost:6379' }, options)
 * ```
 */
export interface RedisStoreOptions {
  /** The beginning of every key: 1 to 64 letters, digits, `_` `.` `:` `-`. Default `sluice`. */
  readonly prefix?: string | undefined
  /**
   * The number of hash tags over which subjects are spread: a power of two, 1 to 1,024. Default 16. In a cluster, each partition is one
   * slot. Fixed for the life of the data: a store with another number rejects with ERR_PARTITIONS_CHANGED.
   */
  readonly partitions?: number | undefined
  /** `true` accepts data that was written with other `partitions` or `packed` options, and discards its state. Default `false`. */
  readonly migrate?: boolean | undefined
  /** For tests only: decides by this clock instead of Redis's own. Keys then live 60 s or longer. Timeouts still use the system's clock. */
  readonly clock?: Clock | undefined
  /** `false` for servers that forbid Lua scripts: decisions then use WATCH and MULTI on a separate connection. Slower. Default `true`. */
  readonly scripting?: boolean | undefined
  /** What decides while Redis is away or slow. `false`: decisions reject. Default: on, with its own defaults. */
  readonly failover?: FailoverOptions | false | undefined
  /** A replica, in the form of `redisStore`'s first argument. It gives starting values while Redis is away, and never decides. Default: none. */
  readonly replica?: RedisSource | undefined
  /** Refuses a subject again without asking Redis, for up to 1 s after a refusal. `false`: Redis decides each time. Default `true`. */
  readonly denyCache?: DenyCacheOptions | boolean | undefined
  /** Takes units of hot subjects from Redis in advance and spends them in this process. `true`, or options. Default `false`. */
  readonly leases?: LeaseOptions | boolean | undefined
  /**
   * Keeps the fixed or sliding windows of about 32 subjects in one hash, in a tenth of the memory. For policies with one window limit: a
   * decision over two rejects with ERR_PACKED_LIMITS. Default: one key for each policy and subject.
   */
  readonly packed?: PackedOptions | undefined
  /** Shares the limits with the stores of other regions: `regions()` of `@sluice/regions`. Needs scripts. Default: none. */
  readonly regions?: RedisRegions | undefined
}

/**
 * Options of packed state, where about 32 subjects share one hash in Redis.
 * @example
 * ```ts
 * import { redisStore } from '@sluice/redis'
 *
 * const store = redisStore({ url: 'redis://localhost:6379' }, { packed: { subjects: 10_000_000 } })
 * ```
 */
export interface PackedOptions {
  /**
   * How many subjects are expected at a time: 1 to 10,000,000,000. Required. Fixed for the life of the data. A number that is too large
   * costs memory for each subject.
   */
  readonly subjects: number
  /** The key for the digests of subjects, so that clients cannot compute two subjects that share a count. Default: the `prefix`. */
  readonly secret?: string | undefined
}

/** The options after the checks, with their defaults. */
export interface Settings {
  readonly prefix: string
  readonly partitions: number
  readonly migrate: boolean
  readonly clock: Clock | undefined
  readonly scripting: boolean
  readonly failover: FailoverOptions | false
  readonly replica: RedisSource | undefined
  readonly denyCache: DenyCacheOptions | boolean
  readonly leases: LeaseOptions | boolean
  readonly packed: { readonly subjects: number; readonly secret: string } | undefined
  readonly regions: RedisRegions | undefined
}

const KNOWN = [
  'prefix',
  'partitions',
  'migrate',
  'clock',
  'scripting',
  'failover',
  'replica',
  'denyCache',
  'leases',
  'packed',
  'regions',
] as const
const PREFIX = /^[\w.:-]{1,64}$/

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT */
export function settingsOf(options: RedisStoreOptions): Settings {
  knownOptions('redisStore', options, KNOWN)
  const { prefix = 'sluice', partitions = 16, migrate = false, clock, scripting = true } = options
  const { failover = {}, replica, denyCache = true, leases = false, regions } = options
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) throw invalid('redisStore: prefix', '1 to 64 letters, digits, _ . : or -', prefix)
  if (!isPartitionCount(partitions)) throw invalid('redisStore: partitions', `a power of two from 1 to ${MAX_PARTITIONS}`, partitions)
  if (typeof migrate !== 'boolean') throw invalid('redisStore: migrate', 'true or false', migrate)
  if (clock !== undefined && typeof (clock as Clock | null)?.now !== 'function')
    throw invalid('redisStore: clock', 'an object with a function now()', clock)
  if (typeof scripting !== 'boolean') throw invalid('redisStore: scripting', 'true or false', scripting)
  if (replica !== undefined && failover === false)
    throw new SluiceError(
      'ERR_OPTION_CONFLICT',
      'redisStore: replica: expected failover to be on, because only failover reads the replica, got failover: false; remove one of the two',
    )
  if (options.packed !== undefined && !scripting)
    throw new SluiceError(
      'ERR_OPTION_CONFLICT',
      'redisStore: packed: expected scripting to be on, because only scripts pack states, got scripting: false; remove one of the two',
    )
  if (regions !== undefined) checkRegions(regions, scripting, options.packed !== undefined)
  const packed = options.packed === undefined ? undefined : packedOf('redisStore', options.packed, prefix)
  return { prefix, partitions, migrate, clock, scripting, failover, replica, denyCache, leases, packed, regions }
}

function checkRegions(regions: RedisRegions, scripting: boolean, isPacked: boolean): void {
  if (typeof (regions as RedisRegions | null)?.attach !== 'function')
    throw invalid('redisStore: regions', 'what regions() of @sluice/regions returns', regions)
  if (!scripting)
    throw new SluiceError(
      'ERR_OPTION_CONFLICT',
      'redisStore: regions: expected scripting to be on, because only scripts exchange counts, got scripting: false; remove one of the two',
    )
  // Rights that are not used are counts below 0, which a packed state holds only as a long text.
  if (isPacked && regions.modes.includes('strict'))
    throw new SluiceError(
      'ERR_OPTION_CONFLICT',
      "redisStore: packed: expected no policy in mode 'strict', because packed state cannot hold the rights of a region, got 'strict'; remove packed, or set another mode",
    )
}

export function packedOf(where: string, packed: PackedOptions, prefix: string): NonNullable<Settings['packed']> {
  if (typeof packed !== 'object' || packed === null) throw invalid(`${where}: packed`, '{ subjects }', packed)
  knownOptions(`${where}: packed`, packed, ['subjects', 'secret'])
  const { subjects, secret = prefix } = packed
  if (!isSubjectCount(subjects)) throw invalid(`${where}: packed.subjects`, `a whole number, 1 to ${MAX_SUBJECTS}`, subjects)
  // The message has the type only: a secret must not appear in a log.
  if (typeof secret !== 'string' || secret === '') throw invalid(`${where}: packed.secret`, 'a text that is not empty', typeof secret)
  return { subjects, secret }
}
