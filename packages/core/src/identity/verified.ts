import type { KeyOf } from './part.ts'
import { separated } from './subject.ts'

const known = new WeakMap<object, number>()

/** Which part of the key the application has verified; −1 for none. A part that any client may write does not show who the client is. */
function verifiedPart(key: KeyOf<any>): number {
  let index = known.get(key)
  if (index === undefined) {
    index = [key].flat().findIndex((part) => typeof part === 'object' && part.verified === true)
    known.set(key, index)
  }
  return index
}

/**
 * Who the client is, if the application says so: the value of a part of the key that it has verified. `undefined` without such a part, and where the
 * client's address stands for the value.
 * @param subject that the key gave
 */
export function identityIn(key: KeyOf<any> | undefined, subject: string | undefined): string | undefined {
  const index = key === undefined || subject === undefined ? -1 : verifiedPart(key)
  if (index < 0) return undefined
  const value = Array.isArray(key) && key.length > 1 ? separated(subject as string)[index] : subject
  // A value that begins with `~` has it twice.
  return value?.startsWith('~ip:') === true ? undefined : value
}
