/** A document as a place has it. */
export interface StoredDocument {
  readonly namespace: string
  readonly revision: number
  readonly text: string
}

/** A document that was published. */
export interface PublishedRevision extends StoredDocument {
  /** ms since the epoch; `undefined` if the place does not know it. */
  readonly at: number | undefined
}

/** What became of a document that was to be written. */
export interface WriteAnswer {
  readonly isPublished: boolean
  /** The revision that the place has now; `undefined` if it has none. */
  readonly current: number | undefined
}

/** A place that documents are published to. Each scheme of a URL has one. */
export interface PolicyWriter {
  /** Names the place in messages, without a password. */
  readonly name: string
  /** The document of a namespace; of the only one, if `namespace` is `undefined`. */
  read(namespace: string | undefined): Promise<StoredDocument | undefined>
  /** Writes the document if the place still has `previous`: a revision, or 0 for none. */
  write(document: StoredDocument, previous: number): Promise<WriteAnswer>
  /** All revisions that the place has kept, the latest first; `undefined` if it keeps none. */
  history?(namespace: string): Promise<readonly PublishedRevision[]>
  close(): void
}
