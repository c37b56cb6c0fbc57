// Clients of other libraries than ioredis, as their pages say to make them.
import { GlideClient, GlideClusterClient, Logger } from '@valkey/valkey-glide'
import type { RedisSource } from '@sluice/redis'
import { Cluster as IovalkeyCluster, Redis as Iovalkey } from 'iovalkey'
import * as nodeRedis5 from 'node-redis-5'
import * as nodeRedis6 from 'redis'
import type { RedisSentinel } from '@sluice/testing/redis'
import { afterEach } from 'vitest'

export interface Address {
  readonly host: string
  readonly port: number
}

/** How to make the clients of a library. Each is connected, and ends after the test. */
export interface Library {
  one(address: Address): Promise<RedisSource>
  cluster(nodes: readonly Address[]): Promise<RedisSource>
  readonly sentinel?: (sentinel: Pick<RedisSentinel, 'name' | 'sentinels'>) => Promise<RedisSource>
}

interface Opened {
  connect(): Promise<unknown>
  destroy(): unknown
  on(event: 'error', listener: (error: unknown) => void): unknown
}

const open: (() => unknown)[] = []
/** Ends the clients that were made. Each test file calls it after each test, or once. */
export async function closeClients(): Promise<void> {
  for (const close of open.splice(0)) await close()
}
export function closeAfterEach(): void {
  afterEach(closeClients)
}

async function opened<T extends Opened>(client: T): Promise<T> {
  client.on('error', () => undefined)
  open.push(() => client.destroy())
  await client.connect()
  return client
}

/** The settings by which ioredis and iovalkey send a command once. */
const ONCE = { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0, commandTimeout: 1_000, connectTimeout: 900 }

function kept<T extends { disconnect(): void; on(event: 'error', listener: () => void): unknown }>(client: T): T {
  client.on('error', () => undefined)
  open.push(() => client.disconnect())
  return client
}

const nodeRedis = ({
  createClient,
  createCluster,
  createSentinel,
}: Pick<typeof nodeRedis6, 'createClient' | 'createCluster' | 'createSentinel'>): Library => ({
  one: ({ host, port }) => opened(createClient({ socket: { host, port } })),
  cluster: (nodes) => opened(createCluster({ rootNodes: nodes.map(({ host, port }) => ({ socket: { host, port } })) })),
  sentinel: ({ name, sentinels }) => opened(createSentinel({ name, sentinelRootNodes: [...sentinels] })),
})

// It prints each error of a server, also those that the tests cause.
Logger.setLoggerConfig('off')

export const LIBRARIES: Readonly<Record<'node-redis 6' | 'node-redis 5' | 'iovalkey' | 'valkey-glide', Library>> = {
  'node-redis 6': nodeRedis(nodeRedis6),
  'node-redis 5': nodeRedis(nodeRedis5 as unknown as typeof nodeRedis6),
  iovalkey: {
    one: async (address) => kept(new Iovalkey({ ...address, ...ONCE, enableOfflineQueue: false })),
    cluster: async (nodes) =>
      kept(new IovalkeyCluster([...nodes], { retryDelayOnFailover: 0, retryDelayOnClusterDown: 0, redisOptions: ONCE })),
    sentinel: async ({ name, sentinels }) => kept(new Iovalkey({ name, sentinels: [...sentinels], ...ONCE, enableOfflineQueue: false })),
  },
  'valkey-glide': {
    async one(address) {
      const client = await GlideClient.createClient({ addresses: [address] })
      open.push(() => client.close())
      return client
    },
    async cluster(nodes) {
      const client = await GlideClusterClient.createClient({ addresses: [...nodes] })
      open.push(() => client.close())
      return client
    },
  },
}
