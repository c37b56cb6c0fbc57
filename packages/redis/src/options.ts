import { type Clock, type DenyCacheOptions, type FailoverOptions, type LeaseOptions, SluiceError } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/store-kit'
import type { RedisSource } from './client/connect.ts'

export interface RedisStoreOptions {
  /** Begins every key; default `sluice`. */
  readonly prefix?: string | undefined
  /** Into how many hash tags subjects are spread: a power of two, 1 to 1,024, default 16, fixed for the life of the data. */
  readonly partitions?: number | undefined
  /** Accept other `partitions` than the data was written with: its state is forgotten. */
  readonly migrate?: boolean | undefined
  /** In place of Redis's own clock, for tests: expiry is then never by its time. Waits for the server stay on the system's clock. */
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
  /** Keeps the states of fixed and sliding windows packed, some tens of subjects in one key; default: a key for each. */
  readonly packed?: PackedOptions | undefined
}

export interface PackedOptions {
  /** How many subjects are expected at a time: 1 to 10,000,000,000, fixed for the life of the data. More only take more memory each. */
  readonly subjects: number
  /** Keys the digests of subjects that are no integers, so that nobody can compute two that collide; default: the `prefix`. */
  readonly secret?: string | undefined
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
  readonly packed: { readonly subjects: number; readonly secret: string } | undefined
}

const KNOWN = ['prefix', 'partitions', 'migrate', 'clock', 'scripting', 'failover', 'replica', 'denyCache', 'leases', 'packed'] as const
const PREFIX = /^[\w.:-]{1,64}$/
const MOST_PARTITIONS = 1_024
const MOST_SUBJECTS = 10_000_000_000

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
  if (options.packed !== undefined && !scripting)
    throw new SluiceError(
      'ERR_OPTION_CONFLICT',
      'redisStore: packed: expected scripting beside it, which is what packs, got scripting: false',
    )
  const packed = options.packed === undefined ? undefined : packedOf(options.packed, prefix)
  return { prefix, partitions, migrate, clock, scripting, failover, replica, denyCache, leases, packed }
}

function packedOf(packed: PackedOptions, prefix: string): NonNullable<Settings['packed']> {
  if (typeof packed !== 'object' || packed === null) throw invalid('redisStore: packed', '{ subjects }', packed)
  knownOptions('redisStore: packed', packed, ['subjects', 'secret'])
  const { subjects, secret = prefix } = packed
  if (!Number.isInteger(subjects) || subjects < 1 || subjects > MOST_SUBJECTS)
    throw invalid('redisStore: packed.subjects', `a whole number, 1 to ${MOST_SUBJECTS}`, subjects)
  if (typeof secret !== 'string' || secret === '') throw invalid('redisStore: packed.secret', 'a text that is not empty', typeof secret)
  return { subjects, secret }
}
