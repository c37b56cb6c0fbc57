import { type Clock, type Duration, SluiceError } from '@sluice/core'
import { invalid, knownOptions, millisOf, subjectHash } from '@sluice/core/store-kit'

/** What the writer and the readers of analytics share. */
export interface AnalyticsReaderOptions {
  /** The beginning of every key: 1 to 64 letters, digits, `_` `.` `:` `-`. Default `sluice:analytics`. */
  readonly prefix?: string | undefined
  /**
   * The key by which subjects are hashed: at least 16 characters, the same in every process, and as for events. A reader needs it only to
   * find a subject by its own text. Default: none.
   */
  readonly secret?: string | undefined
}

/**
 * Options of `redisAnalytics`.
 * @example
 * ```ts
 * import { redisAnalytics, type RedisAnalyticsOptions } from '@sluice/redis'
 *
 * const options: RedisAnalyticsOptions = { secret: process.env['SLUICE_SECRET'], region: 'eu-1' }
 * const analytics = redisAnalytics({ url: 'redis://localhost:6379' }, options)
 * ```
 */
export interface RedisAnalyticsOptions extends AnalyticsReaderOptions {
  /** `'hashed'`: Redis gets HMACs of subjects, which needs `secret`. `'plain'`: Redis gets the subjects themselves. Default `'hashed'`. */
  readonly subjects?: 'hashed' | 'plain' | undefined
  /** Names the region of this process in counts of usage: at most 64 characters. Default: none. */
  readonly region?: string | undefined
  /** How often counts are sent: 1 s to 60 s. A process that crashes loses what it has counted since. Default `'10s'`. */
  readonly interval?: Duration | undefined
  /** How long boards and hours are kept: 1 hour to 31 days. Default `'48h'`. */
  readonly keep?: Duration | undefined
  /** For tests only: the time of counts, and the timer of flushes. Default: the system's clock. */
  readonly clock?: Clock | undefined
  /** Functions that are called with events. */
  readonly on?: AnalyticsObservers | undefined
}

/** What an application may hear of its analytics. */
export interface AnalyticsObservers {
  /** Counts were not sent, or were lost: WARN_ANALYTICS. Reported once, until its reason changes or a flush succeeds. Default: to the console. */
  readonly warning?: ((warning: { readonly code: string; readonly message: string }) => void) | undefined
}

/** The options after the checks, with their defaults. */
export interface AnalyticsSettings {
  readonly prefix: string
  readonly hide: (subject: string) => string
  readonly region: string
  readonly interval: number
  readonly keep: number
  readonly clock: Clock | undefined
  readonly warning: NonNullable<AnalyticsObservers['warning']> | undefined
}

const PREFIX = /^[\w.:-]{1,64}$/
const LEAST_SECRET = 16
const MAX_REGION = 64
const SECOND = 1_000
const HOUR = 3_600_000
/** UTF-16 units. */
const MAX_PLAIN = 256
/** The secret of plain subjects that are too long to be written: anybody may know it. */
const OF_LONG = subjectHash('sluice: a plain subject of more than 256 characters')

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function analyticsSettings(where: string, options: RedisAnalyticsOptions): AnalyticsSettings {
  knownOptions(where, options, ['prefix', 'secret', 'subjects', 'region', 'interval', 'keep', 'clock', 'on'])
  const { subjects = 'hashed', region = '', interval = '10s', keep = '48h', clock, on = {} } = options
  if (subjects !== 'hashed' && subjects !== 'plain') throw invalid(`${where}: subjects`, "'hashed' or 'plain'", subjects)
  if (typeof region !== 'string' || region.length > MAX_REGION)
    throw invalid(`${where}: region`, `a text of at most ${MAX_REGION} characters`, region)
  if (clock !== undefined && typeof (clock as Clock | null)?.now !== 'function')
    throw invalid(`${where}: clock`, 'an object with a function now()', clock)
  knownOptions(`${where}: on`, on, ['warning'])
  const { warning } = on
  if (warning !== undefined && typeof warning !== 'function') throw invalid(`${where}: on.warning`, 'a function', warning)
  const hash = hashOf(where, options)
  if (hash === undefined && subjects === 'hashed')
    throw new SluiceError(
      'ERR_OPTION_INVALID',
      `${where}: secret: expected a text of at least ${LEAST_SECRET} characters, the same in every process, or subjects: 'plain', got none`,
    )
  return {
    prefix: prefixOf(where, options),
    hide: subjects === 'plain' || hash === undefined ? plainSubject : hash,
    region,
    interval: between(where, 'interval', interval, SECOND, 60 * SECOND),
    keep: between(where, 'keep', keep, HOUR, 31 * 24 * HOUR),
    clock,
    warning,
  }
}

/** @throws ERR_OPTION_INVALID */
export function prefixOf(where: string, { prefix = 'sluice:analytics' }: AnalyticsReaderOptions): string {
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) throw invalid(`${where}: prefix`, '1 to 64 letters, digits, _ . : or -', prefix)
  return prefix
}

/** The hash of subjects; `undefined` without a secret. @throws ERR_OPTION_INVALID */
export function hashOf(where: string, { secret }: AnalyticsReaderOptions): ((subject: string) => string) | undefined {
  if (secret === undefined) return undefined
  // The message does not have the text: a secret must not appear in a log.
  if (typeof secret !== 'string' || secret.length < LEAST_SECRET)
    throw new SluiceError(
      'ERR_OPTION_INVALID',
      `${where}: secret: expected a text of at least ${LEAST_SECRET} characters, got ${typeof secret === 'string' ? `one of ${secret.length}` : typeof secret}`,
    )
  return subjectHash(secret)
}

/** A subject in the clear. A client must not choose how much memory it takes. */
export function plainSubject(subject: string): string {
  return subject.length > MAX_PLAIN ? `#${OF_LONG(subject)}` : subject
}

/** @throws ERR_OPTION_INVALID */
function between(where: string, name: string, duration: Duration, least: number, most: number): number {
  const ms = millisOf(duration, `${where}: ${name}`)
  if (ms < least || ms > most) throw invalid(`${where}: ${name}`, `a duration from ${least} to ${most} ms`, duration)
  return ms
}
