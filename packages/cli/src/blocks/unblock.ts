import type { Command, Invocation } from '../command.ts'
import { plain } from '../terminal/terminal.ts'
import { BLOCK_OPTIONS, SUBJECT, TARGET_MEANS, targetOf, withBlocks } from './open-blocks.ts'

export const unblock: Command = {
  name: 'unblock',
  summary: 'end the block of a client in every process',
  synopsis: 'TARGET',
  operands: [1, 1],
  description: [
    'Removes the entry of exactly this target from the block list in Redis, and forgets how often it was blocked. An address that is blocked by the entry of a network stays blocked: sluice why shows the entry.',
    TARGET_MEANS,
  ],
  options: [SUBJECT, ...BLOCK_OPTIONS],
  exits: ['The block was ended.', 'There is no block of this target.'],
  examples: [['sluice unblock 203.0.113.7', 'Let an address in again.']],
  async run(invocation) {
    const wasBlocked = await withBlocks('unblock', invocation, (list) => list.unblock(targetOf(invocation)))
    return answer(invocation, 'wasBlocked', wasBlocked, ['is no longer blocked', 'was not blocked'])
  },
}

export const disallow: Command = {
  name: 'disallow',
  summary: 'end what sluice allow began',
  synopsis: 'TARGET',
  operands: [1, 1],
  description: ['Removes the exemption of exactly this target from the block list in Redis.', TARGET_MEANS],
  options: [SUBJECT, ...BLOCK_OPTIONS],
  exits: ['The exemption was ended.', 'There is no exemption of this target.'],
  examples: [['sluice disallow 192.0.2.0/24', 'Treat a network as any other again.']],
  async run(invocation) {
    const wasAllowed = await withBlocks('disallow', invocation, (list) => list.disallow(targetOf(invocation)))
    return answer(invocation, 'wasAllowed', wasAllowed, ['is no longer exempt', 'was not exempt'])
  },
}

function answer(
  { operands, isJson, print, printJson }: Invocation,
  field: string,
  found: boolean,
  [done, nothing]: readonly [string, string],
): number {
  const target = operands[0] ?? ''
  if (isJson) printJson({ target, [field]: found })
  else print(`${plain(target)} ${found ? done : nothing}`)
  return found ? 0 : 1
}
