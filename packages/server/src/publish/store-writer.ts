import { parseDocument } from '@sluice/policies'
import { failed } from './failed.ts'
import type { PolicyWriter, PublishedRevision, StoredDocument, WriteAnswer } from './writer.ts'

/** A set of documents in a store that processes follow, or that only keeps. */
export interface DocumentSet {
  /** The texts of all documents. */
  load(): Promise<readonly string[]>
  /** `previous`: the revision that must be there; `undefined` for any lower one. */
  publish(document: StoredDocument, previous: number | undefined): Promise<WriteAnswer>
}

/**
 * A store with several namespaces. Its revisions are kept in a second set, which no process follows.
 * @param kept the set in which a document of `revision` is kept
 */
export function storeWriter(name: string, current: DocumentSet, kept: DocumentSet, close: () => void): PolicyWriter {
  const stored = async (namespace: string | undefined): Promise<StoredDocument | undefined> => {
    const all = documentsIn(await reached(name, current.load()))
    if (namespace !== undefined) return all.find((each) => each.namespace === namespace)
    if (all.length > 1)
      throw failed(`${name} has several namespaces (${all.map((each) => each.namespace).join(', ')}); choose one with --namespace`)
    return all[0]
  }
  return {
    name,
    read: stored,
    async write(document, previous): Promise<WriteAnswer> {
      const before = await stored(document.namespace)
      // One that was there before the first publication must be kept, or nothing could go back to it.
      if (before !== undefined && before.revision === previous) await reached(name, kept.publish(before, undefined))
      const answer = await reached(name, current.publish(document, previous))
      if (answer.isPublished) await reached(name, kept.publish(document, undefined))
      return answer
    },
    async history(namespace): Promise<readonly PublishedRevision[]> {
      const all = documentsIn(await reached(name, kept.load())).filter((each) => each.namespace === namespace)
      const now = await stored(namespace)
      const isKept = now === undefined || all.some(({ revision }) => revision === now.revision)
      return [...all, ...(isKept ? [] : [now])].map((each) => ({ ...each, at: undefined })).toSorted((a, b) => b.revision - a.revision)
    },
    close,
  }
}

/** A text that is no document belongs to another program, or was written by hand: processes ignore it too. */
function documentsIn(texts: readonly string[]): readonly StoredDocument[] {
  return texts.flatMap((text) => {
    try {
      const { namespace, revision } = parseDocument(text)
      return [{ namespace, revision, text }]
    } catch {
      return []
    }
  })
}

/** @throws ERR_COMMAND_FAILED with the reason of the store */
async function reached<T>(name: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw failed(`${name} cannot be reached: ${error instanceof Error ? error.message : String(error)}`, error)
  }
}
