import { systemClock } from '@sluice/core'
import type { Why } from '@sluice/blocklist'
import type { Command } from '../command.ts'
import type { Paint } from '../terminal/terminal.ts'
import { effectText, evidenceLines, originText, spanOf, targetText, timeText } from './block-text.ts'
import { BLOCK_OPTIONS, SUBJECT, TARGET_MEANS, targetOf, withBlocks } from './open-blocks.ts'

export const why: Command = {
  name: 'why',
  summary: 'say why a client is blocked, or not',
  synopsis: 'TARGET',
  operands: [1, 1],
  description: [
    'Prints the entry of the block list in Redis that blocks a target, with the evidence of the rule: its own entry, or that of a network. Prints also what exempts it, and which strikes are being counted now. A strike is a refusal before the Retry-After that the client was given had passed.',
    TARGET_MEANS,
  ],
  options: [SUBJECT, ...BLOCK_OPTIONS],
  exits: ['The target is not blocked.', 'The target is blocked.'],
  examples: [['sluice why 203.0.113.7', 'Answer a customer who was refused with 403.']],
  async run(invocation) {
    const answer = await withBlocks('why', invocation, (list) => list.why(targetOf(invocation)))
    if (invocation.isJson) invocation.printJson(answer)
    else invocation.print(viewOf(answer, invocation.paint))
    return isBlocked(answer) ? 1 : 0
  },
}

/** An entry in shadow only reports. */
function isBlocked({ blocked, allowed }: Why): boolean {
  return blocked !== undefined && blocked.effect !== 'shadow' && allowed === undefined
}

function viewOf(answer: Why, paint: Paint): string {
  const { target, blocked, allowed, counting, level } = answer
  const name = paint('bold', targetText(target))
  const lines = [isBlocked(answer) ? `${name} is ${paint('red', 'blocked')}` : `${name} is ${paint('green', 'not blocked')}`]
  for (const record of [blocked, allowed]) {
    if (record === undefined) continue
    const left =
      record.until === Infinity
        ? 'without an end'
        : `until ${timeText(record.until)} UTC, ${spanOf(record.until - systemClock.now())} from now`
    lines.push(`  ${targetText(record)} is ${effectText(record)} ${left}`, `    ${originText(record)}`)
    if (record.evidence !== undefined) lines.push(...evidenceLines(record.evidence).map((line) => `    ${line}`))
  }
  if (counting !== undefined) lines.push('  counted now', ...evidenceLines(counting).map((line) => `    ${line}`))
  if (blocked === undefined && level > 0) lines.push(`  its last block was of level ${level}`)
  return lines.join('\n')
}
