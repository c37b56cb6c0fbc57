import type { Command } from '../command.ts'
import { targetText, timeText } from './block-text.ts'
import { BLOCK_OPTIONS, durationOf, REASON, SUBJECT, TARGET_MEANS, targetOf, withBlocks } from './open-blocks.ts'

export const allow: Command = {
  name: 'allow',
  summary: 'exempt a client from blocks in every process',
  synopsis: 'TARGET [--for TIME] [--reason TEXT]',
  operands: [1, 1],
  description: [
    'Writes an exemption to the block list in Redis: the client is neither struck nor blocked, and a block of it ends. It is still limited.',
    TARGET_MEANS,
  ],
  options: [
    { name: 'for', value: 'TIME', means: 'How long, as in 6h or 30d: at most 366 days. Default: until sluice disallow.' },
    REASON,
    SUBJECT,
    ...BLOCK_OPTIONS,
  ],
  exits: ['The exemption was written.', 'Not used.'],
  examples: [['sluice allow 192.0.2.0/24 --reason "office"', 'Never block the address of an office.']],
  async run(invocation) {
    const options = { duration: durationOf('allow', invocation), reason: invocation.option('reason') }
    const record = await withBlocks('allow', invocation, (list) => list.allow(targetOf(invocation), options))
    if (invocation.isJson) invocation.printJson(record)
    else {
      const until = record.until === Infinity ? 'sluice disallow' : `${timeText(record.until)} UTC`
      invocation.print(`${targetText(record)} is exempt from blocks until ${until}`)
    }
    return 0
  },
}
