import { parseDocument } from '@sluice/policies'
import type { Command } from '../command.ts'
import { plain, table } from '../terminal/terminal.ts'
import { openWriter } from './open-writer.ts'
import type { PublishedRevision } from '@sluice/server'
import { TO } from './publishing.ts'
import { revisionsOf } from './rollback.ts'

export const history: Command = {
  name: 'policies history',
  summary: 'list the revisions that were published',
  synopsis: '--to URL [--namespace NAME]',
  operands: [0, 0],
  description: [
    'Lists the revisions that the place has kept, the latest first: when each was published, which one it repeats, and its description.',
  ],
  options: [TO, { name: 'namespace', value: 'NAME', means: 'The namespace, where the place has several. A file has one.' }],
  exits: ['The list was read.', 'Not used.'],
  examples: [['sluice policies history --to file:/etc/sluice/sluice.yaml', 'See who could have changed a limit at night.']],
  async run(invocation) {
    const writer = await openWriter('policies history', invocation)
    try {
      const { current, kept } = await revisionsOf(writer, invocation.option('namespace'))
      const entries = kept.map((each) => ({ ...entryOf(each), isCurrent: each.revision === current.revision }))
      if (invocation.isJson) invocation.printJson({ from: writer.name, namespace: current.namespace, revisions: entries })
      else {
        const rows = entries.map(({ revision, at, rollbackOf, description, isCurrent }) => [
          `${isCurrent ? '*' : ' '} ${revision}`,
          at ?? 'unknown',
          rollbackOf === undefined ? '' : `repeats ${rollbackOf}`,
          plain(description ?? ''),
        ])
        invocation.print(`${current.namespace}: ${writer.name}\n${table(['  revision', 'published', '', 'description'], rows)}`)
      }
      return 0
    } finally {
      writer.close()
    }
  },
}

function entryOf({ revision, at, text }: PublishedRevision): {
  readonly revision: number
  readonly at: string | undefined
  readonly rollbackOf: number | undefined
  readonly description: string | undefined
} {
  const { rollbackOf, description } = parseDocument(text, { source: `revision ${revision}` })
  return { revision, at: at === undefined ? undefined : new Date(at).toISOString(), rollbackOf, description: description?.split('\n')[0] }
}
