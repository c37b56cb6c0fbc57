import { invalid, knownOptions } from '@sluice/core/store-kit'
import type { RedisSource } from './client/connect.ts'
import { Reader } from './inspect/reader.ts'

/** The options of `redisTable`. */
export interface RedisTableOptions {
  /** What stands before the id in the key of a client. Default: `client:`. */
  readonly prefix?: string | undefined
  /** Names the table in messages. Default: `redisTable`. */
  readonly name?: string | undefined
}

/** The hash of a client. Every value is a text. */
export interface RedisClientRow {
  readonly client_id: string
  readonly [column: string]: string
}

/** A table of clients, for `clientDirectory` of `@sluice/policies`. */
export interface RedisTable {
  readonly name: string
  load(ids: readonly string[], signal: AbortSignal): Promise<readonly RedisClientRow[]>
  /** Ends a connection that the table made. */
  close(): Promise<void>
}

/**
 * A table of clients in Redis: one hash for each client, under `<prefix><id>`. All clients that are needed at once are read in one round
 * trip, one HGETALL each. It writes nothing.
 * @param source as for `redisStore`: a client of yours, which stays open, or where to connect
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { redisTable } from '@sluice/redis'
 *
 * const table = redisTable({ url: 'redis://localhost:6379' }, { prefix: 'client:' })
 * const rows = await table.load(['acme'], AbortSignal.timeout(1_000))
 * console.log(rows[0]?.['tier'])
 * ```
 */
export function redisTable(source: RedisSource, options: RedisTableOptions = {}): RedisTable {
  knownOptions('redisTable', options, ['prefix', 'name'])
  const { prefix = 'client:', name = 'redisTable' } = options
  if (typeof prefix !== 'string') throw invalid('redisTable: prefix', 'a text', prefix)
  if (typeof source !== 'object' || source === null) throw invalid('redisTable', 'a client of Redis, or where to connect', source)
  let opening: Promise<Reader> | undefined
  return {
    name,
    async load(ids, signal): Promise<readonly RedisClientRow[]> {
      opening ??= Reader.open(source).catch((error: unknown) => {
        // The next look-up connects again.
        opening = undefined
        throw error
      })
      const reader = await opening
      signal.throwIfAborted()
      const hashes = await Promise.all(ids.map((id) => reader.hash(prefix + id)))
      // A hash with a field of this name is still the one of the id that was asked for.
      return hashes.flatMap((hash, i) => (hash.size === 0 ? [] : [{ ...Object.fromEntries(hash), client_id: ids[i] ?? '' }]))
    },
    async close(): Promise<void> {
      const reader = await opening?.catch(() => undefined)
      opening = undefined
      reader?.close()
    },
  }
}
