import type { Clock } from '@sluice/core'
import type { FeedObservers } from '../feed/observers.ts'
import type { ClientTable } from './client-table.ts'

/** The options of `clientDirectory`. */
export interface ClientDirectoryOptions {
  /** Where the rows are read from, such as `sqlTable({ … })`. */
  readonly table: ClientTable
  /** How many clients are kept in memory, from 1. About 300 bytes each, and their rows. Default: 10,000. */
  readonly maxClients?: number | undefined
  /** How long a row is used before it is read again: ms, from 1. It varies by 10 % from client to client. Default: 300,000 (5 minutes). */
  readonly ttl?: number | undefined
  /** How long a client that the table does not have is unknown before it is looked up again: ms, from 1. Default: 30,000. */
  readonly unknownTtl?: number | undefined
  /**
   * How long after its ttl a row is still used, while a new one is read in the background or the table does not answer: ms, from 0.
   * Default: 3,600,000 (1 hour).
   */
  readonly staleFor?: number | undefined
  /**
   * How long a request waits for the row of a client that is not in memory: ms, from 0. Then it goes on with the default tier, and is
   * counted as `late`. Default: 50.
   */
  readonly deadline?: number | undefined
  /** How long a look-up may take before it is aborted, and counts as failed: ms, from 1. Default: 5,000. */
  readonly timeout?: number | undefined
  /** Called with `WARN_CLIENT_TABLE` once for each outage of the table. Default: to the console. */
  readonly on?: Pick<FeedObservers, 'warning'> | undefined
  /** Where time comes from, for tests. Default: the clock of the system. */
  readonly clock?: Clock | undefined
}

/** How a directory of clients is. The counts are since its start. */
export interface ClientHealth {
  /** How many clients are in memory, with those that the table does not have. */
  readonly clients: number
  /** Requests whose client was in memory, and fresh. */
  readonly hits: number
  /** Requests that used a row past its ttl. */
  readonly stale: number
  /** Requests whose client was not in memory. */
  readonly misses: number
  /** Misses that went on without the row of their client, since the table did not answer within the deadline, or failed. */
  readonly late: number
  /** Batches that were sent to the table. */
  readonly lookups: number
  /** Batches that failed. */
  readonly errors: number
  /** Why the table does not answer. `undefined`: it does. */
  readonly problem: string | undefined
}
