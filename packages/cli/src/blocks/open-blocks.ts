import { type Duration, isSluiceError } from '@sluice/core'
import type { BlockList, Target } from '@sluice/blocklist'
import type { CommandOption, Invocation } from '../command.ts'
import { REDIS, reached, redisToAsk } from '../redis/redis-option.ts'
import { plain, usageError } from '../terminal/terminal.ts'

/** What every command of the block list has. */
export const BLOCK_OPTIONS: readonly CommandOption[] = [
  REDIS,
  { name: 'key', value: 'TEXT', means: 'Names the list, as the option key of redisBlockStorage(). Default: sluice:blocks.' },
]
export const SUBJECT: CommandOption = {
  name: 'subject',
  means: 'TARGET is a subject, also if it reads like an address.',
}
export const REASON: CommandOption = {
  name: 'reason',
  value: 'TEXT',
  means: 'Why, for those who read the list: at most 200 characters.',
}

/** What the description of a command says of TARGET. */
export const TARGET_MEANS =
  'TARGET is an address (203.0.113.7), a network (203.0.113.0/24, 2001:db8::/48), or a subject (user:42) as the limiter has it.'

/** Runs something on the list, and ends the connection. @throws ERR_COMMAND_FAILED, ERR_COMMAND_INVALID, and the errors of the list */
export async function withBlocks<T>(command: string, invocation: Invocation, run: (list: BlockList) => Promise<T>): Promise<T> {
  const redis = await redisToAsk(command, invocation)
  // Loaded here, since most commands need no Redis.
  const [{ blockList }, { redisBlockStorage }] = await Promise.all([import('@sluice/blocklist'), import('@sluice/redis')])
  const list = blockList({ storage: redisBlockStorage(redis.source, { key: invocation.option('key') }), rule: false })
  try {
    return await reached(redis, run(list))
  } catch (error) {
    // What the list refuses to take is a wrong command line.
    if (isSluiceError(error) && error.code === 'ERR_OPTION_INVALID') throw usageError(`sluice ${command}: ${error.message}`)
    throw error
  } finally {
    await list.close()
  }
}

export function targetOf({ operands, has }: Invocation): Target {
  const [text = ''] = operands
  return has('subject') ? { subject: text } : text
}

/** The option --for. @throws ERR_COMMAND_INVALID */
export function durationOf(command: string, { option }: Invocation): Duration | undefined {
  const text = option('for')
  if (text === undefined || /^\d+(?:ms|s|m|h|d)$/.test(text)) return text as Duration | undefined
  throw usageError(`sluice ${command}: --for: expected a time such as 30m, 6h or 2d, got ${plain(text)}`)
}
