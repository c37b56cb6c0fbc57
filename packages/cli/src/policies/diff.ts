import { type ChangeEffect, diffDocuments, type PolicyChange, type PolicyDocument } from '@sluice/policies'
import type { Command, Invocation } from '../command.ts'
import { readDocument } from '../files.ts'
import { plain } from '../terminal/terminal.ts'

const MARKS: Readonly<Record<ChangeEffect, readonly [mark: string, style: 'red' | 'green' | 'yellow' | 'dim']>> = {
  tighter: ['-', 'red'],
  looser: ['+', 'green'],
  anew: ['!', 'yellow'],
  neither: ['~', 'dim'],
}

export const diff: Command = {
  name: 'policies diff',
  summary: 'say what changes for whom between two documents',
  synopsis: 'BEFORE AFTER',
  operands: [2, 2],
  completes: 'files',
  description: [
    'Compares two policy documents by what they do, not by their text: comments and order of keys make no difference.',
    'Each line says for whom something changes. It begins with - where requests are limited more tightly, with + where less, with ! where a limit starts to count anew, and with ~ where it is neither or depends on the request.',
  ],
  options: [],
  exits: ['The documents decide alike.', 'There are differences.'],
  examples: [['sluice policies diff old.yaml new.yaml', 'Read a change before it is published.']],
  async run(invocation) {
    const [before, after] = invocation.operands as [string, string]
    const [old, current] = [await readDocument(before, invocation), await readDocument(after, invocation)]
    const changes = diffDocuments(old, current)
    if (invocation.isJson) invocation.printJson({ before: revisionOf(old), after: revisionOf(current), changes })
    else printChanges(invocation, old, current, changes)
    return changes.length > 0 ? 1 : 0
  },
}

function revisionOf({ namespace, revision }: PolicyDocument): { readonly namespace: string; readonly revision: number } {
  return { namespace, revision }
}

/** The changes of each policy under its name. */
export function printChanges(
  { print, paint }: Invocation,
  before: PolicyDocument,
  after: PolicyDocument,
  changes: readonly PolicyChange[],
): void {
  print(paint('bold', `${after.namespace}: revision ${before.revision} → ${after.revision}`))
  if (changes.length === 0) print('nothing changes for any request')
  for (const policy of new Set(changes.map(({ policy }) => policy))) {
    print(policy === undefined ? 'all policies' : `policy ${plain(policy)}`)
    for (const change of changes.filter((each) => each.policy === policy)) {
      const [mark, style] = MARKS[change.effect]
      print(`  ${paint(style, mark)} ${plain(change.who)}: ${plain(change.message)}`)
    }
  }
}
