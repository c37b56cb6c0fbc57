import { AdaptedClient } from './adapted-client.ts'
import { within } from './connect.ts'
import type { BlockingConnection, RedisClient } from './redis-client.ts'

/** The part of a `Redis` or `Cluster` of ioredis or iovalkey that opens another one. */
interface Duplicable {
  readonly isCluster?: boolean
  readonly options: object & { readonly redisOptions?: object }
  duplicate?(overrides: object): RedisClient
  duplicate?(nodes: readonly never[], overrides: object): RedisClient
}

/** A command that waits has no bound of its own, and a connection that is lost is not made again: its owner begins anew. */
const UNBOUNDED = { commandTimeout: undefined, socketTimeout: undefined, enableAutoPipelining: false } as const
const ONE_ATTEMPT = {
  ...UNBOUNDED,
  enableOfflineQueue: true,
  lazyConnect: false,
  retryStrategy: () => null,
  reconnectOnError: null,
} as const

/** ms that a reply may take above that. */
const SLACK = 2_000

/** Opens a connection to the same servers. `undefined` if the client cannot. */
export async function openBlocking(client: RedisClient): Promise<BlockingConnection | undefined> {
  if (client instanceof AdaptedClient) return client.openBlocking()
  const source = client as unknown as Duplicable
  if (typeof source.duplicate !== 'function') return undefined
  const duplicate =
    source.isCluster === true
      ? source.duplicate([], {
          enableOfflineQueue: true,
          enableAutoPipelining: false,
          lazyConnect: false,
          clusterRetryStrategy: () => null,
          redisOptions: { ...source.options.redisOptions, ...UNBOUNDED },
        })
      : source.duplicate(ONE_ATTEMPT)
  // An `error` event without a listener would end the process. Each failed command also rejects, so no error is lost.
  duplicate.on('error', () => undefined)
  return {
    command: (_, [name = '', ...args]) => duplicate.callBuffer(name, args),
    close: () => duplicate.disconnect(),
  }
}

/** Waits until the stream has an entry after the cursor, but no longer than `block` ms. */
export async function hasChanged(blocking: BlockingConnection, changes: string, since: string, block: number): Promise<boolean> {
  const reply = await within(
    blocking.command(changes, ['xread', 'COUNT', '1', 'BLOCK', String(block), 'STREAMS', changes, since]),
    block + SLACK,
  )
  return reply !== null && reply !== undefined
}
