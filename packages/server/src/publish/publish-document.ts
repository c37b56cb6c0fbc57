import { SluiceError } from '@sluice/core'
import type { PolicyWriter, StoredDocument } from './writer.ts'

/**
 * Publishes a document to a place, if the place still has the revision that is expected.
 * @param previous the revision that must be there; 0 for none
 * @throws ERR_PUBLISH_CONFLICT, ERR_PUBLISH_FAILED
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { parseDocument } from '@sluice/policies'
 * import { policyWriter, publishDocument } from '@sluice/server'
 *
 * const text = readFileSync('new.yaml', 'utf8')
 * const { namespace, revision } = parseDocument(text)
 * const writer = await policyWriter('redis://localhost:6379')
 * if (writer !== undefined) await publishDocument(writer, { namespace, revision, text }, revision - 1)
 * ```
 */
export async function publishDocument(writer: PolicyWriter, document: StoredDocument, previous: number): Promise<void> {
  const { isPublished, current } = await writer.write(document, previous)
  if (!isPublished) throw publishConflict(writer, document, current ?? 0)
}

/**
 * The error of a document that is not published, since the place has another revision.
 * @param current the revision of the place; 0 for none
 * @example
 * ```ts
 * import { type PolicyWriter, publishConflict, type StoredDocument } from '@sluice/server'
 *
 * export async function checkRevision(writer: PolicyWriter, document: StoredDocument): Promise<void> {
 *   const { revision } = (await writer.read(document.namespace)) ?? { revision: 0 }
 *   if (revision !== document.revision - 1) throw publishConflict(writer, document, revision)
 * }
 * ```
 */
export function publishConflict({ name }: Pick<PolicyWriter, 'name'>, { revision }: StoredDocument, current: number): SluiceError {
  const next = current >= revision ? `write revision ${current + 1}` : 'read the change, and try again'
  return new SluiceError(
    'ERR_PUBLISH_CONFLICT',
    `revision ${revision} is not published: ${name} has revision ${current === 0 ? 'none' : current} now; ${next}`,
  )
}
