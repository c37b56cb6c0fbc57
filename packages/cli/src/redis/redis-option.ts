import { isSluiceError } from '@sluice/core'
import type { RedisSource } from '@sluice/redis'
import type { CommandOption, Invocation } from '../command.ts'
import { failed, plain, usageError } from '../terminal/terminal.ts'

export const REDIS: CommandOption = {
  name: 'redis',
  value: 'URL',
  means:
    'The server, as in redis://HOST:6379/0; rediss uses TLS. In a Cluster, one node. Default: the environment variable REDIS_URL. A password is safer there.',
}

/** A server that was named, and how messages name it: without a password. */
export interface NamedRedis {
  readonly name: string
  /** With the password. */
  readonly url: string
  readonly source: RedisSource
}

/** @throws ERR_COMMAND_INVALID */
export function redisOf(command: string, { option, io }: Pick<Invocation, 'option' | 'io'>): NamedRedis {
  const given = option('redis') ?? io.env['REDIS_URL'] ?? ''
  if (given === '') throw usageError(`sluice ${command}: --redis is missing; name the server:  --redis redis://localhost:6379`)
  if (!/^rediss?:\/\/./.test(given) || !URL.canParse(given))
    // Without what stands before an @, which may be a password.
    throw usageError(`sluice ${command}: --redis: expected a URL such as redis://localhost:6379, got ${plain(given.replace(/^.*@/, '…@'))}`)
  const { host, pathname } = new URL(given)
  // A command that waits for ever is of no use; a person reads the reason and calls again.
  const options = { retryStrategy: () => null, maxRetriesPerRequest: 0 }
  return { name: `redis://${host}${pathname === '/' ? '' : pathname}`, url: given, source: { url: given, options } }
}

/** @throws ERR_COMMAND_FAILED with the reason of the server, and the errors of Sluice for an option */
export async function reached<T>({ name }: NamedRedis, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (isSluiceError(error) && error.code !== 'ERR_STORE_UNAVAILABLE') throw error
    const { reason, message } = error as { readonly reason?: string; readonly message: string }
    throw failed(`${name} cannot be reached: ${reason ?? message}`, error)
  }
}
