import { systemClock } from '@sluice/core'
import type { BlockOptions } from '@sluice/blocklist'
import type { Command } from '../command.ts'
import { plain, usageError } from '../terminal/terminal.ts'
import { effectText, spanOf, targetText, timeText } from './block-text.ts'
import { BLOCK_OPTIONS, durationOf, REASON, SUBJECT, TARGET_MEANS, targetOf, withBlocks } from './open-blocks.ts'

const ACTIONS = ['refuse', 'drop', 'shadow'] as const

export const block: Command = {
  name: 'block',
  summary: 'refuse a client in every process for a time',
  synopsis: 'TARGET --for TIME [--reason TEXT] [--action ACTION]',
  operands: [1, 1],
  description: [
    'Writes an entry to the block list in Redis. Every process with this list refuses the client within a second, before it costs a decision, until the time has passed. A second call for the same target replaces the first.',
    TARGET_MEANS,
  ],
  options: [
    { name: 'for', value: 'TIME', means: 'How long, as in 30m, 6h or 2d: at most 366 days. Required, since every block ends.' },
    REASON,
    {
      name: 'action',
      value: 'ACTION',
      means: 'refuse answers with 403; drop closes the connection where the host can; shadow only reports. Default: refuse.',
      choices: ACTIONS,
    },
    SUBJECT,
    ...BLOCK_OPTIONS,
  ],
  exits: ['The entry was written.', 'Not used.'],
  examples: [
    ['sluice block 203.0.113.7 --for 1h --reason "ticket 4711"', 'Stop one address, on the server of REDIS_URL.'],
    ['sluice block 2001:db8:17::/48 --for 1d --action drop', 'Close the connections of a network.'],
  ],
  async run(invocation) {
    const duration = durationOf('block', invocation)
    if (duration === undefined) throw usageError('sluice block: --for is missing; every block ends:  --for 1h')
    const options: BlockOptions = { action: actionOf(invocation.option('action')), reason: invocation.option('reason') }
    const record = await withBlocks('block', invocation, (list) => list.block(targetOf(invocation), duration, options))
    if (invocation.isJson) invocation.printJson(record)
    else {
      const left = spanOf(record.until - systemClock.now())
      invocation.print(`${targetText(record)} is ${effectText(record)} until ${timeText(record.until)} UTC (for ${left})`)
    }
    return 0
  },
}

/** @throws ERR_COMMAND_INVALID */
function actionOf(text: string | undefined): (typeof ACTIONS)[number] | undefined {
  const action = ACTIONS.find((each) => each === text)
  if (text !== undefined && action === undefined)
    throw usageError(`sluice block: --action: expected ${ACTIONS.join(', ')}, got ${plain(text)}`)
  return action
}
