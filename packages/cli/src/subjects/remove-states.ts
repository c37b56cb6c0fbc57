import type { PolicyDescription } from '@sluice/redis'
import type { Cluster, Redis } from 'ioredis'
import type { Invocation } from '../command.ts'
import { type NamedRedis, reached, redisOf } from '../redis/redis-option.ts'

/** The first entry of a value is the block of the subject, where it has one. An entry has so many bytes: docs/redis.md#values. */
const ENTRY = 28
/** What leases are accounted in. Without it, units that come back would be given back twice. */
const LEASES = /![a-z]$/

/** Removes the states of the policies, and leaves their blocks. @throws ERR_COMMAND_FAILED */
export async function removeStates(invocation: Invocation, policies: readonly PolicyDescription[]): Promise<void> {
  const redis = await redisOf('reset', invocation)
  const client = await connected(redis)
  try {
    for (const policy of policies) await reached(redis, remove(client, policy))
  } finally {
    client.disconnect()
  }
}

async function remove(client: Redis | Cluster, { policy, blockedUntil, keys }: PolicyDescription): Promise<void> {
  const names = keys.map(({ key }) => key).filter((key) => !LEASES.test(key))
  const value = blockedUntil === undefined ? undefined : names.find((key) => key.includes(`}:${policy}:`))
  if (value !== undefined) {
    const block = await client.getrangeBuffer(value, 0, ENTRY - 1)
    await client.set(value, block, 'PXAT', blockedUntil as number)
  }
  const others = names.filter((key) => key !== value)
  if (others.length > 0) await client.del(...others)
}

async function connected({ source }: NamedRedis): Promise<Redis | Cluster> {
  const { Cluster, Redis } = await import('ioredis')
  // As `redisOf` makes it.
  const of = source as { readonly url: string; readonly options: object } | { readonly cluster: []; readonly options: object }
  const client = 'url' in of ? new Redis(of.url, of.options) : new Cluster(of.cluster, of.options)
  client.on('error', () => undefined)
  return client
}
