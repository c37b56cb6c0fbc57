import { diffDocuments, parseDocument } from '@sluice/policies'
import type { Command } from '../command.ts'
import { readText } from '../files.ts'
import { openWriter } from './open-writer.ts'
import { printChanges } from './diff.ts'
import { printFollowed, statusOf, WAIT_OPTIONS, waitOf } from './instances.ts'
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
    ...WAIT_OPTIONS,
  ],
  exits: [
    'The document is there.',
    'It is not: a test fails, or another revision is there. With --wait: an instance does not have it yet.',
  ],
  examples: [
    ['sluice policies publish sluice.yaml --to file:/etc/sluice/sluice.yaml', 'Publish to a file that processes follow.'],
    ['sluice policies publish sluice.yaml --to file:/etc/sluice/sluice.yaml --dry-run', 'See first what would change.'],
    ['sluice policies publish sluice.yaml --to redis://localhost:6379', 'Publish to a fleet that follows Redis.'],
    [
      'SLUICE_TOKEN=… sluice policies publish sluice.yaml --to redis://localhost:6379 --wait',
      'The same, and wait until every instance has it.',
    ],
  ],
  async run(invocation) {
    const { publishConflict, publishDocument } = await import('@sluice/server')
    const wait = waitOf('policies publish', invocation)
    const writer = await openWriter('policies publish', invocation)
    try {
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
        const waited = isDry ? undefined : await wait?.(namespace, revision)
        const report = { published: !isDry, to: writer.name, namespace, revision, previous: current?.revision ?? null, changes }
        invocation.printJson({ ...report, ...waited })
        return statusOf(waited)
      }
      if (before !== undefined) printChanges(invocation, before, after, changes)
      const done = isDry ? 'would be published' : isThere ? 'is there already' : 'is published'
      invocation.print(`${namespace} revision ${revision} ${done}: ${writer.name}`)
      const waited = isDry ? undefined : await wait?.(namespace, revision)
      if (waited !== undefined) printFollowed(invocation, revision, waited)
      return statusOf(waited)
    } finally {
      writer.close()
    }
  },
}
