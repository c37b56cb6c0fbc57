// A fault, and what has to hold while it lasts and after it.
import type { RedisStoreOptions } from '@sluice/redis'
import type { Load } from './load.ts'
import type { Job } from './load-process.ts'

export interface Bars {
  /** ms of added latency at the 99th percentile; or `opens`: the deadline + 5 until the breaker opens, then below 1. */
  readonly latency: number | 'opens'
  /** ms from the end of the fault to the last decision that the store did not make. */
  readonly normal: number
}

/** What a fault is done to. */
export interface Bench {
  readonly source: Job['source']
  readonly options?: RedisStoreOptions
  /** `store`: the store is given a clock, which `Load.shift` shifts; else it is the server's own. */
  readonly clock?: 'store'
  stop(): Promise<unknown>
}

export interface Case<B extends Bench = any> {
  readonly name: string
  readonly bars: Bars
  /** How often state is lost: a restart without a file, a failover to what was not replicated yet. Each begins the limit anew. */
  readonly losses: number
  /** The clock of the store is another one afterwards. */
  readonly steps?: boolean
  readonly failMode?: 'open' | 'closed'
  /** Seconds that it lasts: in the default run, and in the full one. */
  readonly seconds: readonly [short: number, full: number]
  /** What the row of the table needs to be understood. */
  readonly note?: string
  setUp(): Promise<B>
  begin(bench: B, load: Load): Promise<unknown>
  /** Resolves when the fault is over. */
  end(bench: B, load: Load): Promise<unknown>
}
