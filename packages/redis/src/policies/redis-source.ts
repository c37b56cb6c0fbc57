import { invalid, knownOptions, type PolicySource, type Snapshot, type SourceEvent } from '@sluice/core/store-kit'
import { hasChanged, openBlocking, pause } from '../client/blocking.ts'
import { connect, type Connection, type RedisSource } from '../client/connect.ts'
import { script } from '../scripts/script.ts'
import { READ_POLICIES } from '../scripts/scripts.gen.ts'
import { type PolicyKeyOptions, policyKeys } from './policy-keys.ts'
import { runWhenReady } from '../client/ready.ts'

/** The options of `redisSource`. */
export interface RedisSourceOptions extends PolicyKeyOptions {
  /** How often Redis is asked through a client that opens no second connection: ms, at least 50. Default: 500. */
  readonly interval?: number | undefined
}

const READ = script('', READ_POLICIES)
/** ms that the server waits for a change. After that the cursor is compared: a failover can take the last changes away. */
const BLOCK = 5_000
/** ms between two readings if the stream has an entry that is no change: from before the documents were lost. */
const REST = 500

interface Read {
  readonly kind: string
  readonly cursor: string
  /** How many fields the hash of the documents has. */
  readonly size: number
  readonly documents: readonly { readonly key: string; readonly text: string | undefined }[]
}

/**
 * Policy documents in Redis, as `publishPolicy` writes them. A change arrives by a read that waits on a connection of its own.
 * @param redis a client of yours, or where to connect, as for `redisStore`
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { policyFeed } from '@sluice/policies'
 * import { redisSource } from '@sluice/redis'
 *
 * const feed = await policyFeed({ source: redisSource({ url: 'redis://localhost:6379' }) })
 * ```
 */
export function redisSource(redis: RedisSource, options: RedisSourceOptions = {}): PolicySource {
  return sourceWaiting(redis, options, BLOCK)
}

/** As `redisSource`. @param block ms that the server waits for a change, at least 1 */
export function sourceWaiting(redis: RedisSource, options: RedisSourceOptions, block: number): PolicySource {
  knownOptions('redisSource', options, ['key', 'interval'])
  const { interval = 500 } = options
  const keys = policyKeys('redisSource', options)
  if (!(Number.isFinite(interval) && interval >= 50)) throw invalid('redisSource: interval', 'milliseconds, at least 50', interval)
  const connection = connect(redis)
  let size = 0
  return {
    name: `Redis (${keys[0]})`,
    async load(): Promise<Snapshot> {
      const { cursor, documents, size: loaded } = await read(connection, keys, '*')
      size = loaded
      return { cursor, documents: documents.flatMap(({ key, text }) => (text === undefined ? [] : [{ key, text }])) }
    },
    watch: (cursor, emit, signal: AbortSignal) => watch({ connection, keys, interval, block, size }, cursor ?? '', emit, signal),
    close() {
      if (connection.isOwn) connection.client.disconnect()
    },
  }
}

async function read(connection: Connection, keys: readonly string[], since: string): Promise<Read> {
  const reply = await runWhenReady(connection, READ, { keys, args: [since] })
  const [kind, cursor, size, ...fields] = reply.map((value) => (value === null ? undefined : String(value as Buffer | string)))
  const documents = []
  for (let i = 0; i < fields.length; i += 2) documents.push({ key: fields[i] ?? '', text: fields[i + 1] })
  return { kind: kind ?? '', cursor: cursor ?? '', size: Number(size), documents }
}

interface Watched {
  readonly connection: Connection
  readonly keys: readonly [documents: string, changes: string]
  readonly interval: number
  readonly block: number
  /** Of the last load; 0 before it. */
  readonly size: number
}

/** Ends when a change is missing, or a document was deleted by hand: then all is loaded again. */
async function watch(
  { connection, keys, interval, block, size: loaded }: Watched,
  since: string,
  emit: (event: SourceEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const blocking = await openBlocking(connection.client)
  const stop = (): void => blocking?.close()
  signal.addEventListener('abort', stop)
  try {
    let isWoken = false
    let least = loaded
    for (let at = since; !signal.aborted;) {
      const { kind, cursor, size, documents } = await read(connection, keys, at)
      // Documents are replaced, and never removed, by who publishes them.
      if ((kind !== 'same' && kind !== 'changes') || size < least) return
      least = size
      for (const { key, text } of documents)
        emit(text === undefined ? { type: 'missing', key, cursor } : { type: 'put', key, text, cursor })
      emit({ type: 'progress', cursor })
      at = cursor
      if (isWoken && kind === 'same') await pause(REST, signal)
      isWoken = blocking !== undefined && (await hasChanged(blocking, keys[1], at, block))
      if (blocking === undefined) await pause(interval, signal)
    }
  } catch (error) {
    // The connection was closed under the read.
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}
