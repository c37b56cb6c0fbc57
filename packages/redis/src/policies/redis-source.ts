import { knownOptions, type PolicySource, type Snapshot } from '@sluice/core/store-kit'
import { connect, type Connection, type RedisSource } from '../client/connect.ts'
import { checkInterval, type StreamRead, watchStream } from '../client/watch-stream.ts'
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
  return sourceWaiting(redis, options)
}

/** As `redisSource`. @param block ms that the server waits for a change, at least 1; default 5,000 */
export function sourceWaiting(redis: RedisSource, options: RedisSourceOptions, block?: number): PolicySource {
  knownOptions('redisSource', options, ['key', 'interval'])
  const { interval = 500 } = options
  const keys = policyKeys('redisSource', options)
  checkInterval('redisSource', interval)
  const connection = connect(redis)
  let size = 0
  return {
    name: `Redis (${keys[0]})`,
    async load(): Promise<Snapshot> {
      const { cursor, documents, size: loaded } = await read(connection, keys, '*')
      size = loaded
      return { cursor, documents: documents.flatMap(({ key, text }) => (text === undefined ? [] : [{ key, text }])) }
    },
    watch(since, emit, signal: AbortSignal) {
      let least = size
      const readOn = async (at: string): Promise<StreamRead | undefined> => {
        const { kind, cursor, size: now, documents } = await read(connection, keys, at)
        // Documents are replaced, and never removed, by who publishes them. One that was deleted by hand is no change of the stream.
        if ((kind !== 'same' && kind !== 'changes') || now < least) return undefined
        least = now
        for (const { key, text } of documents)
          emit(text === undefined ? { type: 'missing', key, cursor } : { type: 'put', key, text, cursor })
        emit({ type: 'progress', cursor })
        return { cursor, isSame: kind === 'same' }
      }
      return watchStream({ client: connection.client, key: keys[1], interval, block }, since ?? '', readOn, signal)
    },
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
