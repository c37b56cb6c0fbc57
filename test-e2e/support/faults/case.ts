// A fault, and what must hold during it and after it.
import type { RedisStoreOptions } from '@sluice/redis'
import type { Load } from './load.ts'
import type { Job } from './load-process.ts'

export interface Thresholds {
  /** Maximum added latency in ms at the 99th percentile. `opens`: the deadline + 5 ms until the breaker opens, then 1 ms. */
  readonly latency: number | 'opens'
  /** Maximum ms from the end of the fault to the last decision by the fallback. */
  readonly normal: number
}

/** The servers of a fault, and how the store reaches them. */
export interface Setup {
  readonly source: Job['source']
  readonly options?: RedisStoreOptions
  /** `store`: the store has a clock that `Load.shift` changes. Default: the clock of the server. */
  readonly clock?: 'store'
  stop(): Promise<unknown>
}

export interface Case<B extends Setup = any> {
  readonly name: string
  readonly thresholds: Thresholds
  /** How often state is lost, by a restart without data or a failover before replication. Each loss restarts the limit. */
  readonly losses: number
  /** True if the clock of the store is another one afterwards. */
  readonly steps?: boolean
  readonly failMode?: 'open' | 'closed'
  /** Duration of the fault in seconds: in the default run, and in the full one. */
  readonly seconds: readonly [short: number, full: number]
  /** An explanation of the row. */
  readonly note?: string
  setUp(): Promise<B>
  begin(setup: B, load: Load): Promise<unknown>
  /** Resolves when the fault is over. */
  end(setup: B, load: Load): Promise<unknown>
}
