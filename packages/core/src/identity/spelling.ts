import type { SubjectValue } from '../limiter.ts'
import { type Canonicalizer, canonicalizer } from './canonical.ts'
import type { KeyOf, Part } from './part.ts'
import { ip } from './parts.ts'
import { joined, marked, partsOf, separated, spelledBy } from './subject.ts'

/** How a key spells the subjects that an application passes to `reset`, `peek` and the like. */
export interface Spelling {
  /** The subject, as the key gives it for a request: `undefined` if the key never gives one like it. */
  subjectOf(given: SubjectValue): string | undefined
  /** What the key takes, for messages. */
  readonly expected: string
}

/** An address that replaces a missing key has this mark. */
const ADDRESS_MARK = '~ip:'

/**
 * Makes the spelling of a key; without `key`, of the client's address. A text is a subject: one that stands for an address may be in any
 * notation. A list has one value for each part, as for `joinSubject`.
 */
export function spellingOf(key: KeyOf<any> | undefined, ipv6Prefix: number | undefined): Spelling {
  const parts: readonly Part<any>[] = key === undefined ? [ip()] : partsOf(key)
  const canonical = canonicalizer(ipv6Prefix)
  const [only] = parts
  return {
    expected: parts.length === 1 ? nameOf(only) : `a list of ${parts.length} values (${parts.map(nameOf).join(', ')})`,
    subjectOf(given) {
      const isText = typeof given === 'string'
      const values = isText ? (parts.length === 1 ? [given] : separated(given)) : given
      if (values.length !== parts.length) return undefined
      const spelled = parts.map((part, i) => spelledValue(part, values[i] as string, isText, canonical))
      return spelled.includes(undefined) ? undefined : joined(spelled as string[])
    },
  }
}

function spelledValue(part: Part<any>, value: string, isMarked: boolean, canonical: Canonicalizer): string | undefined {
  if (isMarked && value.startsWith(ADDRESS_MARK)) {
    const address = canonical(value.slice(ADDRESS_MARK.length))
    return address && ADDRESS_MARK + address
  }
  // Of a text, only the key itself could have made a single mark, and it makes none.
  if (isMarked && value.startsWith('~') && !value.startsWith('~~')) return undefined
  const spelled = spelledBy(part, isMarked && value.startsWith('~') ? value.slice(1) : value, canonical)
  return spelled ? marked(spelled) : undefined
}

function nameOf(part: Part<any> | undefined): string {
  return part?.address === true ? 'an address' : part?.name.startsWith('key') === true ? 'a text' : `a value of ${part?.name}`
}
