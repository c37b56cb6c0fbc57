import { knownOptions } from '@sluice/core/store-kit'
import { connect, type RedisSource } from '../client/connect.ts'
import { runWhenReady } from '../client/ready.ts'
import { Keys } from '../keys.ts'
import { script } from '../scripts/script.ts'
import { REGION_BOOK } from '../scripts/scripts.gen.ts'
import { heartbeatOf } from './heartbeat.ts'
import type { RegionBook } from './types.ts'

/** The options of `describeRegions` and `requestResend`. */
export interface DescribeRegionsOptions {
  /** The `prefix` of the store. Default: `'sluice'`. */
  readonly prefix?: string | undefined
}

/** What a region keeps in its Redis of itself and of the others. Times are ms since the epoch, by the clock of this Redis. */
export interface RegionsDescription {
  readonly self: string
  readonly all: readonly string[]
  /** When this was read. */
  readonly readAt: number
  /** Since when the region has listened without a pause. */
  readonly listensSince: number
  /** When a process of the region called last. */
  readonly calledAt: number
  /** Whether the others were asked to send again what they have counted, since this data began. */
  readonly isAsked: boolean
  /** Each other region, in the order of `all`. */
  readonly peers: readonly PeerDescription[]
  /** The tables of shares for mode `strict` that this region promises, the oldest first. */
  readonly shares: readonly SharesDescription[]
}

/** What a region knows of another one. */
export interface PeerDescription {
  readonly region: string
  /** When a message of it arrived last. `undefined`: never. */
  readonly heardAt: number | undefined
  /** ms from the sending of that message to its arrival. */
  readonly lag: number | undefined
}

/** A table of shares. */
export interface SharesDescription {
  readonly version: number
  /** From when on it divides the limits, if every region has promised it. */
  readonly from: number
  /** The share of each region, from 0 to 1. */
  readonly of: Readonly<Record<string, number>>
  /** The regions that have promised it, as far as this one knows. */
  readonly promisedBy: readonly string[]
}

const BOOK = script('', REGION_BOOK)

/**
 * Reads what the region that uses this Redis knows of itself and of the others.
 * @param redis a client of yours, or where to connect, as for `redisStore`
 * @returns `undefined` if no store with the option `regions` has written here
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { describeRegions } from '@sluice/redis'
 *
 * const regions = await describeRegions({ url: 'redis://localhost:6379' })
 * for (const { region, lag } of regions?.peers ?? []) console.log(region, lag)
 * ```
 */
export async function describeRegions(redis: RedisSource, options: DescribeRegionsOptions = {}): Promise<RegionsDescription | undefined> {
  const [ms, ...fields] = await run('describeRegions', redis, options, 'read')
  if (fields.length === 0) return undefined
  const result = heartbeatOf([ms, 1, 0, ...fields])
  return result.result === 'done' ? descriptionOf(result.book, Number(ms)) : undefined
}

/**
 * Has the other regions send again all that they have counted, as after a loss of the data here. The next process of this region that sends a
 * beat asks them. They send at most 1,000 subjects a second each.
 * @param redis a client of yours, or where to connect, as for `redisStore`
 * @returns `false` if no store with the option `regions` has written here
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { requestResend } from '@sluice/redis'
 *
 * await requestResend({ url: 'redis://localhost:6379' })
 * ```
 */
export async function requestResend(redis: RedisSource, options: DescribeRegionsOptions = {}): Promise<boolean> {
  return (await run('requestResend', redis, options, 'resend')).length > 1
}

async function run(
  where: string,
  redis: RedisSource,
  options: DescribeRegionsOptions,
  action: 'read' | 'resend',
): Promise<readonly unknown[]> {
  knownOptions(where, options, ['prefix'])
  const connection = connect(redis)
  try {
    return await runWhenReady(connection, BOOK, { keys: [new Keys(options.prefix ?? 'sluice', 1).regions], args: [action] })
  } finally {
    if (connection.isOwn) connection.client.disconnect()
  }
}

function descriptionOf({ self, all, since, calledAt, isAsked, peers, shares }: RegionBook, readAt: number): RegionsDescription {
  const others = all.filter((region) => region !== self)
  return {
    self,
    all,
    readAt,
    listensSince: since,
    calledAt,
    isAsked,
    peers: others.map((region) => ({ region, heardAt: peers.get(region)?.heardAt, lag: peers.get(region)?.lag })),
    shares: shares.promised.map((table) => ({
      ...table,
      promisedBy: all.filter((region) => region === self || (shares.heard[region] ?? []).includes(table.version)),
    })),
  }
}
