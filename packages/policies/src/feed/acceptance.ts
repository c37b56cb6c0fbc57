import type { PolicyDocument } from '../document.ts'
import type { LocatedDocument } from '../parse.ts'
import { type Finding, PolicyError } from '../problems.ts'
import type { InSource } from './options.ts'
import type { Warnings } from './warnings.ts'

/** A document that is in force. */
export interface Accepted<T = PolicyDocument> {
  readonly document: T
  readonly text: string
}

/** What becomes of a text that came from a source. */
export type Answer<T = PolicyDocument> =
  /** It is in force from now on. */
  | { readonly kind: 'accepted'; readonly accepted: Accepted<T> }
  /** It is what is in force already. */
  | { readonly kind: 'confirmed'; readonly document: T }
  /** Its revision is lower. An answer that was late, or a source that lost its last writes. */
  | { readonly kind: 'stale'; readonly document: T; readonly revision: number; readonly current: number }
  /** Two documents have one revision. The first stays. */
  | { readonly kind: 'fork'; readonly document: T; readonly revision: number }
  /** It belongs to another namespace than the one that is followed. */
  | { readonly kind: 'foreign' }
  /** It is not valid, or not complete. */
  | { readonly kind: 'invalid'; readonly error: Error }
  /** It exceeds the ceilings of its namespace, or these are not known yet: without an error. */
  | { readonly kind: 'held'; readonly document: T; readonly error: PolicyError | undefined }

/** How a text is read, and what it is compared with. */
export interface Acceptance<T> {
  parse(this: void, text: string, source: string): LocatedDocument<T>
  currentOf(this: void, document: T): Accepted<T> | undefined
  /** Whether its namespace is followed. Default: it is. */
  isFollowed?(this: void, document: T): boolean
  /** What of it exceeds the ceilings; `undefined` while these are not known. Default: nothing. */
  exceedingOf?(this: void, document: T): readonly Finding[] | undefined
}

/** Decides what becomes of a text. A document is accepted or refused whole. */
export function answerTo<T extends { readonly revision: number }>(text: string, source: string, acceptance: Acceptance<T>): Answer<T> {
  let read: LocatedDocument<T>
  try {
    read = acceptance.parse(text, source)
  } catch (error) {
    return { kind: 'invalid', error: error as Error }
  }
  const { document, locate } = read
  const { revision } = document
  if (acceptance.isFollowed?.(document) === false) return { kind: 'foreign' }
  const current = acceptance.currentOf(document)
  if (current !== undefined) {
    if (revision < current.document.revision) return { kind: 'stale', document, revision, current: current.document.revision }
    if (revision === current.document.revision)
      return text === current.text ? { kind: 'confirmed', document } : { kind: 'fork', document, revision }
  }
  const exceeding = acceptance.exceedingOf === undefined ? [] : acceptance.exceedingOf(document)
  if (exceeding === undefined) return { kind: 'held', document, error: undefined }
  if (exceeding.length > 0) return { kind: 'held', document, error: new PolicyError(source, exceeding.map(locate)) }
  return { kind: 'accepted', accepted: { document, text } }
}

/** The document of an answer; `undefined` if the text is not valid, or its namespace is not followed. */
export function documentOf<T>(answer: Answer<T>): T | undefined {
  if (answer.kind === 'accepted') return answer.accepted.document
  return answer.kind === 'invalid' || answer.kind === 'foreign' ? undefined : answer.document
}

/** What the source has under the key of a document in force, by the answer to a text of the same namespace. */
export function inSourceOf({ kind }: Answer<unknown>): InSource {
  if (kind === 'accepted' || kind === 'confirmed') return 'same'
  if (kind === 'stale') return 'older'
  return kind === 'foreign' ? 'gone' : 'refused'
}

/** Reports why a text does not come into force. */
export function reportAnswer(warnings: Warnings, key: string, answer: Answer<unknown>): void {
  switch (answer.kind) {
    case 'stale':
      warnings.report(
        key,
        'WARN_POLICY_STALE',
        `${key} has revision ${answer.revision}, which is lower than the one in force (${answer.current}), so it is ignored`,
      )
      break
    case 'fork':
      warnings.report(
        key,
        'ANOMALY_POLICY_FORK',
        `${key} has other content than the document in force, and the same revision (${answer.revision}), so it is ignored; publish it with a higher revision`,
      )
      break
    case 'invalid':
    case 'held':
      if (answer.error !== undefined) warnings.report(key, 'ERR_POLICY_INVALID', answer.error.message)
      break
    case 'accepted':
    case 'confirmed':
      warnings.clear(key)
      break
    case 'foreign':
      break
  }
}

/** A document that did not come as text. */
export function acceptedOf<T>(document: T): Accepted<T> {
  const text = JSON.stringify(document)
  return { document, text }
}
