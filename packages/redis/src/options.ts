import {
  type Clock,
  type DenyCacheOptions,
  type FailoverOptions,
  invalid,
  knownOptions,
  type LeaseOptions,
  SluiceError,
} from '@sluice/core'
import type { RedisSource } from './client.ts'

export interface RedisStoreOptions {
  /** Begins every key; default `sluice`. */
  readonly prefix?: string | undefined
  /** Into how many hash tags subjects are spread: a power of two, 1 to 1,024, default 16, fixed for the life of the data. */
  readonly partitions?: number | undefined
  /** Accept other `partitions` than the data was written with: its state is forgotten. */
  readonly migrate?: boolean | undefined
  /** In place of Redis's own clock, for tests: expiry is then never by its time. */
  readonly clock?: Clock | undefined
  /** `false` for servers that forbid scripts: WATCH and MULTI on a connection of its own. The same verdicts, slower; default true. */
  readonly scripting?: boolean | undefined
  /** What happens while Redis is away or slow; `false`: decisions reject. */
  readonly failover?: FailoverOptions | false | undefined
  /** A replica, as `redisStore` takes its first argument. While Redis is away, it is read to begin with what was left; it never decides. */
  readonly replica?: RedisSource | undefined
  /** Refuses again, without asking Redis, who was refused a moment ago; `false`: each refusal is Redis's own. */
  readonly denyCache?: DenyCacheOptions | boolean | undefined
  /** `true`, or how: spends the units of hot subjects in this process, without asking Redis; default `false`. */
  readonly leases?: LeaseOptions | boolean | undefined
}

/** The options, checked, with their defaults. */
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
}

const KNOWN = ['prefix', 'partitions', 'migrate', 'clock', 'scripting', 'failover', 'replica', 'denyCache', 'leases'] as const
const PREFIX = /^[\w.:-]{1,64}$/
const MOST_PARTITIONS = 1_024

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function settingsOf(options: RedisStoreOptions): Settings {
  knownOptions('redisStore', options, KNOWN)
  const { prefix = 'sluice', partitions = 16, migrate = false, clock, scripting = true } = options
  const { failover = {}, replica, denyCache = true, leases = false } = options
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) throw invalid('redisStore: prefix', '1 to 64 letters, digits, _ . : or -', prefix)
  if (!Number.isInteger(partitions) || !Number.isInteger(Math.log2(partitions)) || partitions > MOST_PARTITIONS)
    throw invalid('redisStore: partitions', `a power of two from 1 to ${MOST_PARTITIONS}`, partitions)
  if (typeof migrate !== 'boolean') throw invalid('redisStore: migrate', 'true or false', migrate)
  if (clock !== undefined && typeof (clock as Clock | null)?.now !== 'function')
    throw invalid('redisStore: clock', 'an object with a function now()', clock)
  if (typeof scripting !== 'boolean') throw invalid('redisStore: scripting', 'true or false', scripting)
  if (replica !== undefined && failover === false)
    throw new SluiceError('ERR_OPTION_CONFLICT', 'redisStore: replica: expected failover beside it, which is what reads it, got false')
  return { prefix, partitions, migrate, clock, scripting, failover, replica, denyCache, leases }
}
