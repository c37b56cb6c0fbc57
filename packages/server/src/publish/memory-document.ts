import { SluiceError } from '@sluice/core'
import type { PolicySource, SourceEvent } from '@sluice/core/store-kit'
import { parseDocument } from '@sluice/policies'
import type { PolicyWriter, PublishedRevision, StoredDocument, WriteAnswer } from './writer.ts'

/** The revisions that are kept. */
const KEPT = 100

/** A document in the memory of this process: a source of a feed, and the place to which its next revisions are published. */
export class MemoryDocument implements PolicyWriter, PolicySource {
  readonly name = 'the built-in document'
  private readonly now: () => number
  private readonly published: (PublishedRevision & { readonly at: number })[]
  private readonly watchers = new Set<(event: SourceEvent) => void>()

  /** @param text of the first revision: a valid document */
  constructor(text: string, now: () => number) {
    this.now = now
    const { namespace, revision } = parseDocument(text)
    this.published = [{ namespace, revision, text, at: now() }]
  }

  load(): Promise<{ readonly documents: readonly { readonly key: string; readonly text: string }[] }> {
    const { namespace, text } = this.current
    return Promise.resolve({ documents: [{ key: namespace, text }] })
  }

  watch(_cursor: string | undefined, emit: (event: SourceEvent) => void, signal: AbortSignal): Promise<void> {
    this.watchers.add(emit)
    return new Promise((resolve) =>
      signal.addEventListener('abort', () => {
        this.watchers.delete(emit)
        resolve()
      }),
    )
  }

  async read(namespace: string | undefined): Promise<StoredDocument> {
    return this.checked(namespace)
  }

  async write(document: StoredDocument, previous: number): Promise<WriteAnswer> {
    const current = this.checked(document.namespace)
    if (current.text === document.text) return { isPublished: true, current: current.revision }
    if (current.revision !== previous || previous >= document.revision) return { isPublished: false, current: current.revision }
    this.published.unshift({ ...document, at: this.now() })
    this.published.splice(KEPT)
    for (const emit of this.watchers) emit({ type: 'put', key: document.namespace, text: document.text })
    return { isPublished: true, current: document.revision }
  }

  async history(namespace: string): Promise<readonly PublishedRevision[]> {
    this.checked(namespace)
    return this.published
  }

  close(): void {}

  private get current(): PublishedRevision {
    return this.published[0] as PublishedRevision
  }

  private checked(namespace: string | undefined): PublishedRevision {
    const { current } = this
    if (namespace !== undefined && namespace !== current.namespace)
      throw new SluiceError(
        'ERR_ADMIN_REQUEST',
        `${this.name} has the namespace "${current.namespace}", not "${namespace}"; start the service with documents of its own`,
      )
    return current
  }
}
