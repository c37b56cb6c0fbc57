import { diffDocuments, parseDocument } from '@sluice/policies'
import type { Command, Invocation } from '../command.ts'
import { failed } from '../terminal/terminal.ts'
import { openWriter } from './open-writer.ts'
import type { PolicyWriter, PublishedRevision, StoredDocument } from '@sluice/server'
import { printChanges } from './diff.ts'
import { type Followed, printFollowed, statusOf, WAIT_OPTIONS, waitOf } from './instances.ts'
import { revisionOption, TO } from './publishing.ts'

export const rollback: Command = {
  name: 'policies rollback',
  summary: 'publish an earlier revision again',
  synopsis: '--to URL [--revision REVISION] [--namespace NAME] [--dry-run]',
  operands: [0, 0],
  description: [
    'Publishes the content of an earlier revision as a new one, since a revision only rises. The new document has the field rollbackOf. Its comments stay.',
    'Tests of the document are not run: what was in force before must be reachable at night.',
  ],
  options: [
    TO,
    { name: 'revision', value: 'REVISION', means: 'The revision to go back to. Default: the one before the current one.' },
    { name: 'namespace', value: 'NAME', means: 'The namespace, where the place has several. A file has one.' },
    { name: 'dry-run', means: 'Only print what would change.' },
    ...WAIT_OPTIONS,
  ],
  exits: [
    'The earlier content is in force.',
    'It is not: another revision came in between. With --wait: an instance does not have it yet.',
  ],
  examples: [
    ['sluice policies rollback --to file:/etc/sluice/sluice.yaml', 'Undo the last publication.'],
    ['sluice policies rollback --to file:/etc/sluice/sluice.yaml --revision 40', 'Go back to revision 40.'],
  ],
  async run(invocation) {
    const { publishDocument, repeatedText } = await import('@sluice/server')
    const wait = waitOf('policies rollback', invocation)
    const writer = await openWriter('policies rollback', invocation)
    try {
      const { current, kept } = await revisionsOf(writer, invocation.option('namespace'))
      const target = targetOf(kept, current, revisionOption(invocation, 'revision', 1), writer)
      const { namespace } = target
      const revision = current.revision + 1
      const document = { namespace, revision, text: repeatedText(target.text, revision, target.revision) }
      const [before, after] = [
        parseDocument(current.text, { source: writer.name }),
        parseDocument(document.text, { source: `revision ${target.revision}` }),
      ]
      const changes = diffDocuments(before, after)
      const isDry = invocation.has('dry-run')
      if (!isDry) await publishDocument(writer, document, current.revision)
      const waited = isDry ? undefined : await wait?.(namespace, revision)
      report(invocation, { isDry, writer, document, target, changes, before, after, waited })
      return statusOf(waited)
    } finally {
      writer.close()
    }
  },
}

function report(
  invocation: Invocation,
  {
    isDry,
    writer,
    document,
    target,
    changes,
    before,
    after,
    waited,
  }: {
    readonly isDry: boolean
    readonly writer: PolicyWriter
    readonly document: StoredDocument
    readonly target: PublishedRevision
    readonly changes: ReturnType<typeof diffDocuments>
    readonly before: Parameters<typeof diffDocuments>[0]
    readonly after: Parameters<typeof diffDocuments>[1]
    readonly waited: Followed | undefined
  },
): void {
  const { namespace, revision } = document
  if (invocation.isJson) {
    invocation.printJson({
      published: !isDry,
      to: writer.name,
      namespace,
      revision,
      rollbackOf: target.revision,
      previous: before.revision,
      changes,
      ...waited,
    })
    return
  }
  printChanges(invocation, before, after, changes)
  invocation.print(
    `${namespace} revision ${revision}, which repeats ${target.revision}, ${isDry ? 'would be published' : 'is published'}: ${writer.name}`,
  )
  if (waited !== undefined) printFollowed(invocation, revision, waited)
}

/** The current document and all that were kept. @throws ERR_COMMAND_FAILED */
export async function revisionsOf(
  writer: PolicyWriter,
  namespace: string | undefined,
): Promise<{ readonly current: StoredDocument; readonly kept: readonly PublishedRevision[] }> {
  const current = await writer.read(namespace)
  if (current === undefined) throw failed(`${writer.name} has no document${namespace === undefined ? '' : ` of "${namespace}"`}`)
  if (writer.history === undefined)
    throw failed(`${writer.name} keeps no history; publish the earlier document with revision ${current.revision + 1}`)
  return { current, kept: await writer.history(current.namespace) }
}

function targetOf(
  kept: readonly PublishedRevision[],
  current: StoredDocument,
  revision: number | undefined,
  writer: PolicyWriter,
): PublishedRevision {
  const earlier = kept.filter((each) => each.revision < current.revision)
  const found = revision === undefined ? earlier[0] : earlier.find((each) => each.revision === revision)
  if (found !== undefined) return found
  const known = earlier.map((each) => each.revision).join(', ') || 'none'
  throw failed(`${writer.name} has no earlier revision${revision === undefined ? '' : ` ${revision}`}; it has kept: ${known}`)
}
