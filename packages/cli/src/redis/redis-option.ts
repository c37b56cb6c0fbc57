import { isSluiceError } from '@sluice/core'
import type { RedisSource } from '@sluice/redis'
import type { CommandOption, Invocation } from '../command.ts'
import { failed, plain, usageError } from '../terminal/terminal.ts'
import { openClient } from './client.ts'

export const REDIS: CommandOption = {
  name: 'redis',
  value: 'URL',
  means:
    'The server, as in redis://HOST:6379/0; rediss uses TLS. In a Cluster, one node. Default: the environment variable REDIS_URL. A password is safer there.',
}
export const PREFIX: CommandOption = { name: 'prefix', value: 'TEXT', means: 'The prefix of the store. Default: sluice.' }

/** A server that was named. */
export interface ServerAddress {
  /** How messages name it: without a password. */
  readonly name: string
  /** With the password. */
  readonly url: string
}

/** A server, and what stores and readers connect to. */
export interface NamedRedis extends ServerAddress {
  /** It does not try again: a person reads the reason, and does. */
  readonly source: RedisSource
  readonly isCluster: boolean
}

/** Whether a server is named. */
export function hasRedis({ option, io }: Pick<Invocation, 'option' | 'io'>): boolean {
  return (option('redis') ?? io.env['REDIS_URL'] ?? '') !== ''
}

/** @throws ERR_COMMAND_INVALID */
export function addressOf(command: string, { option, io }: Pick<Invocation, 'option' | 'io'>): ServerAddress {
  const url = option('redis') ?? io.env['REDIS_URL'] ?? ''
  if (url === '') throw usageError(`sluice ${command}: --redis is missing; name the server:  --redis redis://localhost:6379`)
  if (!/^rediss?:\/\/./.test(url) || !URL.canParse(url))
    // Without what stands before an @, which may be a password.
    throw usageError(`sluice ${command}: --redis: expected a URL such as redis://localhost:6379, got ${plain(url.replace(/^.*@/, '…@'))}`)
  const { host, pathname } = new URL(url)
  return { name: `redis://${host}${pathname === '/' ? '' : pathname}`, url }
}

/** The server of --redis, which is asked whether it belongs to a Cluster. @throws ERR_COMMAND_INVALID, ERR_COMMAND_FAILED */
export async function redisOf(command: string, invocation: Pick<Invocation, 'option' | 'io'>): Promise<NamedRedis> {
  const address = addressOf(command, invocation)
  return namedRedis(address, await reached(address, isInCluster(address)))
}

/** As `redisOf`. A server that is away is reported by what is asked next, which checks its options first. @throws ERR_COMMAND_INVALID */
export async function redisToAsk(command: string, invocation: Pick<Invocation, 'option' | 'io'>): Promise<NamedRedis> {
  const address = addressOf(command, invocation)
  return namedRedis(address, await isInCluster(address).catch(() => false))
}

async function isInCluster({ url }: ServerAddress): Promise<boolean> {
  const client = await openClient(url)
  try {
    await client.connect()
    // A user that may not ask is served as by one server.
    return /^cluster_enabled:1/m.test(await client.info('cluster').catch(() => ''))
  } finally {
    client.disconnect()
  }
}

function namedRedis(address: ServerAddress, isCluster: boolean): NamedRedis {
  const { url } = address
  return {
    ...address,
    isCluster,
    source: isCluster ? clusterAt(url) : { url, options: ONCE },
  }
}

// A command that waits for ever is of no use; a person reads the reason and calls again.
const ONCE = { retryStrategy: () => null, maxRetriesPerRequest: 0 }

function clusterAt(url: string): RedisSource {
  const { hostname, port, username, password, protocol } = new URL(url)
  const redisOptions = {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  }
  return { cluster: [{ host: hostname, port: Number(port || 6_379) }], options: { redisOptions, clusterRetryStrategy: () => null } }
}

/** @throws ERR_COMMAND_FAILED with the reason of the server, and the errors of Sluice for an option */
export async function reached<T>({ name }: Pick<ServerAddress, 'name'>, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (isSluiceError(error) && error.code !== 'ERR_STORE_UNAVAILABLE') throw error
    const { reason, message } = error as { readonly reason?: string; readonly message: string }
    throw failed(`${name} cannot be reached: ${reason ?? message}`, error)
  }
}
