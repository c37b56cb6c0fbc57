import type { RegionTransport } from '@sluice/regions'
import type { RedisServer } from '@sluice/testing/redis'

export const NAMES = ['eu', 'us', 'ap'] as const

/** What is between the regions, and fails: a transport, its servers and its network. A region is its index in `NAMES`. */
export interface Between {
  /** ms that the regions have to agree, on a busy machine. */
  readonly patience: number
  /** The transport of a new process of a region. */
  join(region: number): RegionTransport
  /** Nothing passes between a region and the others. */
  cut(region: number, on: boolean): void
  /**
   * A region gets all messages again that are still there.
   * @param alone does some work while the region has no process
   */
  replay(region: number, alone: (work: () => Promise<void>) => Promise<void>): Promise<void>
  /** Sends messages in the name of a region. */
  sendStrange(region: number, bodies: readonly string[]): Promise<void>
  stop(): Promise<void>
}

/** @param servers the Redis of each region, which nothing here may stop */
export type OpenBetween = (servers: readonly RedisServer[]) => Promise<Between>
