import { halfSipHash } from './half-sip-hash.ts'

/** UTF-16 units. A longer subject is kept as a digest, so that a client cannot choose how much memory its subject takes. */
export const MAX_SUBJECT_LENGTH = 256

/** The key under which a subject is kept in this process: the subject itself, or its digest if it is longer than 256 UTF-16 units. */
export function boundedKey(subject: string): string {
  return subject.length > MAX_SUBJECT_LENGTH ? digestOf(subject) : subject
}

function digestOf(subject: string): string {
  return `#${subject.length}:${halfSipHash(subject)}`
}
