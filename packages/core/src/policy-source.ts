import type { WaitSignal } from './limiter.ts'

/** A document as a source has it: its text, and the name under which the source keeps it. */
export interface SourceDocument {
  /** Names the document in messages: a path, a URL, a key. One source never gives two namespaces under one key. */
  readonly key: string
  readonly text: string
}

/** All documents of a source at one time. */
export interface Snapshot {
  /** Where `watch` goes on; `undefined` for a source that gives only hints. */
  readonly cursor?: string | undefined
  readonly documents: readonly SourceDocument[]
}

/** What a source says while it is watched. */
export type SourceEvent =
  /** A document was written. */
  | { readonly type: 'put'; readonly key: string; readonly text: string; readonly cursor?: string | undefined }
  /** A document is gone. It is not "no limits": only a document with `deleted: true` removes limits. */
  | { readonly type: 'missing'; readonly key: string; readonly cursor?: string | undefined }
  /** Nothing has changed up to the cursor: the source is alive, and what is known is current. */
  | { readonly type: 'progress'; readonly cursor?: string | undefined }
  /** Something may have changed, or a change was missed: everything is loaded again. */
  | { readonly type: 'resync' }

/** The `AbortSignal` of the program that uses these types. Core itself is compiled without the types of any runtime. */
export type SourceSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } } ? Signal : WaitSignal

/**
 * Where documents come from. A feed loads all of them, then watches for what comes after. When either fails, it waits and begins again.
 */
export interface PolicySource {
  /** Names the source in messages and in `health()`. */
  readonly name: string
  /** Reads all documents. Rejects if it cannot. */
  load(signal: SourceSignal): Promise<Snapshot>
  /**
   * Reports every change after `cursor`, or only hints. Resolves when the watch has ended and everything must be loaded again. Rejects if
   * the source is away. Resolves when `signal` is aborted.
   */
  watch(cursor: string | undefined, emit: (event: SourceEvent) => void, signal: SourceSignal): Promise<void>
  close?(): void | Promise<void>
}

/** What one call of a publisher wrote, or why it wrote nothing. */
export interface PublishAnswer {
  /** Whether the source has the document now. Also `true` for a second attempt whose first one was written. */
  readonly isPublished: boolean
  /** The revision that the source has now; `undefined` if it has no document of the namespace. */
  readonly current: number | undefined
}
