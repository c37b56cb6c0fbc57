import { diffDocuments, parseDocument } from '@sluice/policies'
import type { Command } from '../command.ts'
import { readText } from '../files.ts'
import { usageError } from '../terminal/terminal.ts'
import { openWriter } from './open-writer.ts'
import { printChanges } from './diff.ts'
import { publishable, revisionOption, TO } from './publishing.ts'

export const publish: Command = {
  name: 'policies publish',
  summary: 'put a document where processes follow it',
  synopsis: 'FILE --to URL [--previous REVISION] [--dry-run]',
  operands: [1, 1],
  completes: 'files',
  description: [
    'Checks the document, runs its tests, and writes it whole, if the place still has the revision that was read before: two publishers at once never overwrite each other. Prints what changes for whom.',
    'The revision of the document must be higher than that of the place. A second call with the same document changes nothing and is fine.',
    'file:PATH writes the file in one step, and keeps each revision in the folder PATH.history. redis: and etcd: write as the sources of these names read, and keep each revision under keys that begin with the same name and :history or .history/, which the user must be allowed to write. http: and https: use PUT with If-Match, and keep nothing.',
  ],
  options: [
    TO,
    { name: 'previous', value: 'REVISION', means: 'The revision that must be there now; 0 for none. Default: the one that is there.' },
    { name: 'dry-run', means: 'Only print what would change.' },
    { name: 'skip-tests', means: 'Publish also if a test of the document fails.' },
    {
      name: 'wait',
      means: 'Wait until every live instance has the revision. A file does not know its readers, so it needs a control service.',
    },
  ],
  exits: ['The document is there.', 'It is not: a test fails, or another revision is there.'],
  examples: [
    ['sluice policies publish sluice.yaml --to file:/etc/sluice/sluice.yaml', 'Publish to a file that processes follow.'],
    ['sluice policies publish sluice.yaml --to file:/etc/sluice/sluice.yaml --dry-run', 'See first what would change.'],
    ['sluice policies publish sluice.yaml --to redis://localhost:6379', 'Publish to a fleet that follows Redis.'],
  ],
  async run(invocation) {
    const { publishConflict, publishDocument } = await import('@sluice/server')
    const writer = await openWriter('policies publish', invocation)
    try {
      if (invocation.has('wait'))
        throw usageError(`sluice policies publish: --wait needs a control service that knows its instances; ${writer.name} does not`)
      const { source, text } = await readText(invocation.operands[0] ?? '', invocation)
      const document = publishable(invocation, source, text)
      if (document === undefined) return 1
      const current = await writer.read(document.namespace)
      const previous = revisionOption(invocation, 'previous', 0) ?? current?.revision ?? 0
      const isThere = current?.text === text
      if (!isThere && (previous !== (current?.revision ?? 0) || previous >= document.revision))
        throw publishConflict(writer, document, current?.revision ?? 0)
      const isDry = invocation.has('dry-run')
      if (!isThere && !isDry) await publishDocument(writer, document, previous)
      const after = parseDocument(text, { source })
      const before = current === undefined ? undefined : parseDocument(current.text, { source: writer.name })
      const changes = before === undefined ? [] : diffDocuments(before, after)
      const { namespace, revision } = document
      if (invocation.isJson) {
        invocation.printJson({ published: !isDry, to: writer.name, namespace, revision, previous: current?.revision ?? null, changes })
        return 0
      }
      if (before !== undefined) printChanges(invocation, before, after, changes)
      const done = isDry ? 'would be published' : isThere ? 'is there already' : 'is published'
      invocation.print(`${namespace} revision ${revision} ${done}: ${writer.name}`)
      return 0
    } finally {
      writer.close()
    }
  },
}
