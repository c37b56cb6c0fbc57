import { invalid, knownOptions, type TransportObservers } from '@sluice/core/store-kit'
import type { RedisSource } from '../../client/connect.ts'
import { checkInterval, hashTagOf } from '../../client/watch-stream.ts'

/**
 * The options of `streamTransport`.
 * @example
 * ```ts
 * import { streamTransport, type StreamTransportOptions } from '@sluice/redis'
 *
 * const options: StreamTransportOptions = { self: { url: 'redis://redis.eu:6379' }, others: { us: { url: 'redis://redis.us:6379' } } }
 * const transport = streamTransport(options)
 * ```
 */
export interface StreamTransportOptions {
  /** The Redis of this region, which gets its messages: a client of yours, or where to connect, as for `redisStore`. */
  readonly self: RedisSource
  /** The Redis of each other region, by the name of the region. Each is read by a command that waits, on a connection of its own. */
  readonly others: Readonly<Record<string, RedisSource>>
  /** Names the stream: 1 to 64 letters, digits, `_`, `.`, `:` or `-`. The same in all regions. Default: `'sluice:regions'`. */
  readonly key?: string | undefined
  /**
   * About how many messages the stream keeps, from 100 to 10,000,000. A message has at most 64 kB, and mostly less than 1 kB. Older ones
   * are lost to regions that have not read them. Default: 10,000.
   */
  readonly maxLength?: number | undefined
  /** ms after which another process gets a message that its process has not acknowledged: at least 1,000. Default: 15,000. */
  readonly claimAfter?: number | undefined
  /** How often messages are read through a client that opens no second connection: ms, at least 50. Default: 100. */
  readonly interval?: number | undefined
  /** Functions that are called with events. */
  readonly on?: TransportObservers | undefined
}

/** The options after the checks, with their defaults. */
export interface StreamSettings {
  readonly stream: string
  readonly maxLength: number
  readonly claimAfter: number
  readonly interval: number
  readonly on: TransportObservers
}

const OPTIONS = ['self', 'others', 'key', 'maxLength', 'claimAfter', 'interval', 'on']
const REGION = /^[\w.-]{1,64}$/

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function streamSettings(options: StreamTransportOptions): StreamSettings {
  knownOptions('streamTransport', options, OPTIONS)
  const { others, key = 'sluice:regions', maxLength = 10_000, claimAfter = 15_000, interval = 100, on = {} } = options
  if (typeof others !== 'object' || others === null)
    throw invalid('streamTransport: others', 'the Redis of each other region, by its name', others)
  const names = Object.keys(others)
  const wrong = names.find((name) => !REGION.test(name))
  if (wrong !== undefined) throw invalid('streamTransport: others', 'names of letters, digits, dots and hyphens, at most 64', wrong)
  if (names.length === 0) throw invalid('streamTransport: others', 'at least one other region', others)
  if (!(Number.isInteger(maxLength) && maxLength >= 100 && maxLength <= 10_000_000))
    throw invalid('streamTransport: maxLength', 'a whole number from 100 to 10000000', maxLength)
  if (!(Number.isInteger(claimAfter) && claimAfter >= 1_000 && claimAfter <= 3_600_000))
    throw invalid('streamTransport: claimAfter', 'milliseconds, from 1000 to 3600000', claimAfter)
  const stream = `${hashTagOf('streamTransport', key)}:messages`
  checkInterval('streamTransport', interval)
  knownOptions('streamTransport: on', on, ['warning'])
  if (on.warning !== undefined && typeof on.warning !== 'function') throw invalid('streamTransport: on.warning', 'a function', on.warning)
  return { stream, maxLength, claimAfter, interval, on }
}
