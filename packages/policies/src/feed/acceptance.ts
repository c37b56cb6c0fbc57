import type { PolicyDocument } from '../document.ts'
import { parseDocument } from '../parse.ts'

/** A document that is in force. */
export interface Accepted {
  readonly document: PolicyDocument
  readonly text: string
}

/** What becomes of a text that came from a source. */
export type Answer =
  /** It is in force from now on. */
  | { readonly kind: 'accepted'; readonly accepted: Accepted }
  /** It is what is in force already. */
  | { readonly kind: 'confirmed'; readonly namespace: string }
  /** Its revision is lower. An answer that was late, or a source that lost its last writes. */
  | { readonly kind: 'stale'; readonly revision: number; readonly current: number }
  /** Two documents have one revision. The first stays. */
  | { readonly kind: 'fork'; readonly revision: number }
  /** It belongs to another namespace than the one that is followed. */
  | { readonly kind: 'foreign'; readonly namespace: string }
  /** It is not valid, or not complete. */
  | { readonly kind: 'invalid'; readonly error: Error }

/** Decides what becomes of a text. A document is accepted or refused whole. */
export function answerTo(
  text: string,
  source: string,
  currentOf: (namespace: string) => Accepted | undefined,
  isFollowed: (namespace: string) => boolean,
): Answer {
  let document: PolicyDocument
  try {
    document = parseDocument(text, { source })
  } catch (error) {
    return { kind: 'invalid', error: error as Error }
  }
  const { namespace, revision } = document
  if (!isFollowed(namespace)) return { kind: 'foreign', namespace }
  const current = currentOf(namespace)
  if (current !== undefined) {
    if (revision < current.document.revision) return { kind: 'stale', revision, current: current.document.revision }
    if (revision === current.document.revision) return text === current.text ? { kind: 'confirmed', namespace } : { kind: 'fork', revision }
  }
  return { kind: 'accepted', accepted: { document, text } }
}

/** A document that did not come as text. */
export function acceptedOf(document: PolicyDocument): Accepted {
  const text = JSON.stringify(document)
  return { document, text }
}
