import { SluiceError } from '@sluice/core'
import type { RedisClient } from './redis-client.ts'

/** The options of ioredis that decide whether a client can serve a store, and whether it may send a charge twice. */
interface ClientOptions {
  readonly monitor?: unknown
  readonly sentinels?: unknown
  readonly role?: unknown
  readonly enableOfflineQueue?: boolean
  readonly autoResendUnfulfilledCommands?: boolean
  readonly maxRetriesPerRequest?: number | null
  readonly commandTimeout?: number
  readonly stringNumbers?: unknown
  readonly retryDelayOnFailover?: number
  readonly retryDelayOnClusterDown?: number
  readonly redisOptions?: ClientOptions
}

/** @throws ERR_OPTION_INVALID for a client that cannot send commands, or with `writes` for one that only a replica answers */
export function checkClient(client: RedisClient, writes: boolean): void {
  const { monitor, sentinels, role } = (client.options ?? {}) as ClientOptions
  if (monitor)
    throw new SluiceError(
      'ERR_OPTION_INVALID',
      'redisStore: expected a client that can send commands, got one with monitor: true; make a client without it',
    )
  if (writes && sentinels && role === 'slave')
    throw new SluiceError(
      'ERR_OPTION_INVALID',
      "redisStore: role: expected 'master', because a replica takes no writes, got 'slave'; remove role, or pass this client as the option replica",
    )
}

/**
 * With numbers as text, ioredis compares slots as text, so it does not know which server has which slot. Scripts reach the right server by a
 * redirection, but a connection for transactions must be opened to it.
 * @throws ERR_OPTION_CONFLICT
 */
export function checkSlots(client: RedisClient): void {
  if (client.isCluster === true && perNodeOf(client).stringNumbers)
    throw new SluiceError(
      'ERR_OPTION_CONFLICT',
      'redisStore: scripting: false: expected a Cluster client that knows its slots, got one with redisOptions.stringNumbers: true; remove one of the two',
    )
}

/** The settings of the client by which a command could run twice. */
export function risksOf(client: RedisClient): readonly string[] {
  const options = (client.options ?? {}) as ClientOptions
  const perNode = perNodeOf(client)
  const isCluster = client.isCluster === true
  const path = isCluster ? 'redisOptions.' : ''
  return [
    ...(options.enableOfflineQueue === false || isCluster ? [] : ['enableOfflineQueue: false']),
    ...(perNode.autoResendUnfulfilledCommands === false ? [] : [`${path}autoResendUnfulfilledCommands: false`]),
    ...(perNode.maxRetriesPerRequest === 0 ? [] : [`${path}maxRetriesPerRequest: 0`]),
    ...(isCluster && options.retryDelayOnFailover !== 0 ? ['retryDelayOnFailover: 0'] : []),
    ...(isCluster && options.retryDelayOnClusterDown !== 0 ? ['retryDelayOnClusterDown: 0'] : []),
  ]
}

export function hasCommandTimeout(client: RedisClient): boolean {
  return typeof perNodeOf(client).commandTimeout === 'number'
}

function perNodeOf(client: RedisClient): ClientOptions {
  const options = (client.options ?? {}) as ClientOptions
  return client.isCluster === true ? (options.redisOptions ?? {}) : options
}
