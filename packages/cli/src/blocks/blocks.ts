import { systemClock } from '@sluice/core'
import type { BlockRecord } from '@sluice/blocklist'
import type { Command } from '../command.ts'
import { table } from '../terminal/terminal.ts'
import { spanOf, targetText } from './block-text.ts'
import { BLOCK_OPTIONS, withBlocks } from './open-blocks.ts'

/** Of 80 columns. */
const WIDEST = { target: 28, rule: 12, reason: 18 } as const

export const blocks: Command = {
  name: 'blocks',
  summary: 'list who is blocked, and who is exempt',
  synopsis: '[--redis URL]',
  operands: [0, 0],
  description: [
    'Lists the entries of the block list in Redis that have not ended, those that end first before the others: blocks by the rule and by hand, and exemptions. sluice why shows the evidence of one.',
  ],
  options: BLOCK_OPTIONS,
  exits: ['The list was read.', 'Not used.'],
  examples: [['sluice blocks --redis redis://localhost:6379', 'See who is blocked now.']],
  async run(invocation) {
    const records = await withBlocks('blocks', invocation, (list) => list.list())
    if (invocation.isJson) invocation.printJson(records)
    else if (records.length === 0) invocation.print('nobody is blocked')
    else {
      const [head = '', ...rows] = table(['target', 'action', 'rule', 'ends in', 'level', 'reason'], records.map(rowOf)).split('\n')
      invocation.print([invocation.paint('dim', head), ...rows].join('\n'))
    }
    return 0
  },
}

function rowOf(record: BlockRecord): readonly (string | number)[] {
  return [
    cut(targetText(record), WIDEST.target),
    record.effect,
    cut(record.rule, WIDEST.rule),
    record.until === Infinity ? 'never' : spanOf(record.until - systemClock.now()),
    record.level,
    cut(record.reason, WIDEST.reason),
  ]
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text
}
