import type { RegionsDescription } from '@sluice/redis'
import type { CommandOption, Invocation } from '../command.ts'
import { PREFIX, REDIS, reached, redisToAsk } from '../redis/redis-option.ts'
import { failed } from '../terminal/terminal.ts'

/** What every command of regions has. */
export const REGION_OPTIONS: readonly CommandOption[] = [REDIS, PREFIX]

/** What the description of a command says of the server. */
export const WHERE =
  'The server is the Redis of one region. Each region says what it knows itself: ask each of them to see both directions of a way.'

/** @throws ERR_COMMAND_FAILED if no region uses the data, ERR_COMMAND_INVALID */
export async function readRegions(command: string, invocation: Invocation): Promise<RegionsDescription> {
  const redis = await redisToAsk(command, invocation)
  // Loaded here, since most commands need no Redis.
  const { describeRegions } = await import('@sluice/redis')
  const prefix = invocation.option('prefix')
  const description = await reached(redis, describeRegions(redis.source, { prefix }))
  if (description === undefined) throw noRegions(redis.name, prefix)
  return description
}

export function noRegions(server: string, prefix = 'sluice'): Error {
  return failed(
    `${server}: no store with the option regions has written under the prefix "${prefix}"; name that of the store with --prefix`,
  )
}
