import type { KeyOf } from './part.ts'

const known = new WeakMap<object, boolean>()

/** Whether the application has verified a value of the key. A key that any client may write does not show who the client is. */
export function hasVerifiedPart(key: KeyOf<any> | undefined): boolean {
  if (key === undefined) return false
  let verified = known.get(key)
  if (verified === undefined) {
    verified = [key].flat().some((part) => typeof part === 'object' && part.verified === true)
    known.set(key, verified)
  }
  return verified
}

/** Whether the client's address stands in the subject for a value that is missing. */
export function isOfAddress(subject: string): boolean {
  return STAND_IN.test(subject)
}

// A value that begins with `~` has it twice. In a joined subject, colons within a value are escaped.
const STAND_IN = /(?:^|:)~ip\\?:/
