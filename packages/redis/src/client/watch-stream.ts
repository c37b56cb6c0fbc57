import { systemClock } from '@sluice/core'
import { invalid, pause } from '@sluice/core/store-kit'
import { hasChanged, openBlocking } from './blocking.ts'
import type { RedisClient } from './redis-client.ts'

/** ms that the server waits for a change. After that the cursor is compared: a failover can take the last changes away. */
const BLOCK = 5_000
/** ms between two readings if the stream has an entry that is no change: from before what it belongs to was lost. */
const REST = 500
const KEY = /^[\w.:-]{1,64}$/

/** A stream of changes, and how it is watched. */
export interface WatchedStream {
  readonly client: RedisClient
  readonly key: string
  /** ms between two readings through a client that opens no second connection. */
  readonly interval: number
  /** ms that the server waits for a change, at least 1. Default: 5,000. */
  readonly block?: number | undefined
}

/** What a reading found. */
export interface StreamRead {
  readonly cursor: string
  /** Whether nothing has changed. */
  readonly isSame: boolean
  /** Whether there are more changes than one reply has. */
  readonly hasMore?: boolean
}

/**
 * Reads the changes after a cursor each time there may be some, on a connection of its own. Ends when the signal is aborted, or when `read`
 * returns `undefined`: all must be loaded again.
 */
export async function watchStream(
  { client, key, interval, block = BLOCK }: WatchedStream,
  since: string,
  read: (since: string) => Promise<StreamRead | undefined>,
  signal: AbortSignal,
): Promise<void> {
  const blocking = await openBlocking(client)
  const stop = (): void => blocking?.close()
  signal.addEventListener('abort', stop)
  try {
    let isWoken = false
    for (let at = since; !signal.aborted;) {
      const found = await read(at)
      if (found === undefined) return
      at = found.cursor
      if (isWoken && found.isSame) await pause(REST, systemClock, signal)
      if (found.hasMore === true) continue
      isWoken = blocking !== undefined && (await hasChanged(blocking, key, at, block))
      if (blocking === undefined) await pause(interval, systemClock, signal)
    }
  } catch (error) {
    // The connection was closed under the read.
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

/** The hash tag of the option `key`, which lets one script write all keys on a Cluster. @throws ERR_OPTION_INVALID */
export function hashTagOf(where: string, key: unknown): string {
  if (typeof key !== 'string' || !KEY.test(key)) throw invalid(`${where}: key`, '1 to 64 letters, digits, _ . : or -', key)
  return `{${key}}`
}

/** @throws ERR_OPTION_INVALID */
export function checkInterval(where: string, interval: unknown): void {
  if (!(Number.isFinite(interval) && (interval as number) >= 50)) throw invalid(`${where}: interval`, 'milliseconds, at least 50', interval)
}
