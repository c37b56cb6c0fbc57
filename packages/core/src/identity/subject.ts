import { invalid } from '../errors.ts'
import { chain, isPromise, type MaybePromise } from '../runtime.ts'
import { type Canonicalizer, canonicalizer } from './canonical.ts'
import { addressUnknown } from './address-unknown.ts'
import type { KeyFunction, KeyOf, Part } from './part.ts'
import type { RequestFacts } from './request-facts.ts'

/** What happens to a request whose key is missing: it is limited by its address, refused with 401 or 400, or not limited. */
export type MissingRule = 'address' | 'reject' | 'skip'

/** What a `SubjectReader` returns for a missing key, unless the client's address replaces the key. */
export interface Missing {
  readonly action: 'reject' | 'skip'
  /** The status of a refusal: 401 if a credential is missing, else 400. */
  readonly status: 400 | 401
  /** The name of the part that is missing: `header:x-api-key`. */
  readonly part: string
}

export interface SubjectOptions<C> {
  /** Reads requests. Its `address` returns the client's address, as `clientAddress` does. */
  readonly facts: RequestFacts<C>
  /** Default `'address'`. */
  readonly missing?: MissingRule | undefined
  /** How many leading bits of an IPv6 address are used, 32 to 64; default 56. */
  readonly ipv6Prefix?: number | undefined
  /** Writes addresses instead of one that `ipv6Prefix` makes. Default: none. */
  readonly canonical?: Canonicalizer | undefined
}

export type SubjectReader<C> = (context: C) => MaybePromise<string | Missing>

/**
 * Makes the function that reads a request's subject. It is synchronous unless a part is asynchronous. Without `key`, the subject is
 * the client's address.
 *
 * A single value is the subject itself, with a leading `~` doubled. Several values are joined as by `joinSubject`. If a value is
 * missing, `~ip:1.2.3.4` replaces it. A client that sends an address as its key thus cannot spend the quota of that address.
 * @throws ERR_OPTION_INVALID; the function itself throws ERR_ADDRESS_UNKNOWN, ERR_SUBJECT_INVALID, and the errors of the key
 */
export function subjectReader<C>(key: KeyOf<C> | undefined, options: SubjectOptions<C>): SubjectReader<C> {
  const { facts, missing = 'address' } = options
  if (missing !== 'address' && missing !== 'reject' && missing !== 'skip')
    throw invalid('missing', "'address', 'reject' or 'skip'", missing)
  const canonical = options.canonical ?? canonicalizer(options.ipv6Prefix)
  if (key === undefined) return (context) => knownAddress(facts, context)
  const readers = partsOf(key).map((part) => valueReader(part, facts, missing, canonical))
  return readers.length === 1 ? (readers[0] as SubjectReader<C>) : joiningReader(readers)
}

/**
 * Returns the subject of a `key` with these values, one for each of its parts; for `limiter.reset()` and `limiter.peek()`.
 * Different values never give the same subject for the same key.
 * @example
 * ```ts
 * import { header, joinSubject, rateLimit, route } from '@sluice/express'
 *
 * const limit = rateLimit({ key: [header('x-api-key'), route()] })
 * await limit.limiter.reset(joinSubject(['key-1', 'GET /users/:id']))
 * ```
 */
export function joinSubject(values: readonly string[]): string {
  return joined(values.map(marked))
}

/** Joins values that are marked already. */
export function joined(values: readonly string[]): string {
  return values.length === 1 ? (values[0] ?? '') : values.map(escaped).join(':')
}

/** The values of a joined subject, still marked. */
export function separated(subject: string): readonly string[] {
  const values = ['']
  for (let i = 0; i < subject.length; i++) {
    const char = subject[i] ?? ''
    if (char === ':') values.push('')
    else values.push(`${values.pop()}${char === '\\' ? (subject[++i] ?? '') : char}`)
  }
  return values
}

/** Whether the subject is missing. */
export function isMissing(subject: string | Missing): subject is Missing {
  return typeof subject !== 'string'
}

/**
 * The parts of a key, with functions as parts.
 * @throws ERR_OPTION_INVALID
 */
export function partsOf<C>(key: KeyOf<C>): readonly Part<C>[] {
  const given: readonly unknown[] = Array.isArray(key) ? key : [key]
  if (given.length === 0) throw invalid('key', 'one or more parts', key)
  // Not map(), which leaves out the holes of a list.
  return Array.from(given, (part, i) => {
    const name = Array.isArray(key) ? `key[${i}]` : 'key'
    if (typeof part === 'function') return { name, read: (context) => (part as KeyFunction<C>)(context) }
    if (!isPart<C>(part))
      throw invalid(name, "a part such as ip() or header('x-api-key'), a function, or an array of one or more of them", part)
    return part
  })
}

/** In the form NFKC, a text can be 18 times as long, which takes ms for a body of 100 kB. No name of an account is so long. */
const MAX_LOWERED = 1_000

/** The value as the part spells it, not yet marked; `undefined` or an empty text if it is missing. */
export function spelledBy<C>(part: Part<C>, value: string, canonical: Canonicalizer): string | undefined {
  if (part.address === true) return canonical(value)
  return part.lower === true && value.length <= MAX_LOWERED ? value.normalize('NFKC').trim().toLowerCase() : value
}

function isPart<C>(value: unknown): value is Part<C> {
  if (typeof value !== 'object' || value === null) return false
  const { name, read } = value as Partial<Part<C>>
  return typeof name === 'string' && typeof read === 'function'
}

function valueReader<C>(part: Part<C>, facts: RequestFacts<C>, rule: MissingRule, canonical: Canonicalizer): SubjectReader<C> {
  const action = rule === 'address' ? undefined : rule
  const missing: Missing | undefined = action && Object.freeze({ action, status: part.credential === true ? 401 : 400, part: part.name })
  return (context) =>
    chain(part.read(context, facts), (read: unknown) => {
      if (read !== undefined && read !== null && typeof read !== 'string') {
        // Converted to text, all objects would be one subject, and two numbers above 2^53 could be the same.
        throw invalid(part.name, 'a string or undefined, so String(id) for a number', read, 'ERR_SUBJECT_INVALID')
      }
      const value = read ? spelledBy(part, read, canonical) : read
      return value ? marked(value) : (missing ?? `~ip:${knownAddress(facts, context)}`)
    })
}

function knownAddress<C>(facts: RequestFacts<C>, context: C): string {
  const address = facts.address(context)
  if (address === undefined) throw addressUnknown(facts, context)
  return address
}

/** Reads the values in order and joins them. Stops at the first that is missing. */
function joiningReader<C>(readers: readonly SubjectReader<C>[]): SubjectReader<C> {
  const from = (context: C, index: number, joined: string): MaybePromise<string | Missing> => {
    let text = joined
    for (let i = index; i < readers.length; i++) {
      const value = readers[i]?.(context) ?? ''
      if (isPromise(value)) return value.then((late) => (isMissing(late) ? late : from(context, i + 1, appended(text, i, late))))
      if (isMissing(value)) return value
      text = appended(text, i, value)
    }
    return text
  }
  return (context) => from(context, 0, '')
}

function appended(text: string, index: number, value: string): string {
  return index === 0 ? escaped(value) : `${text}:${escaped(value)}`
}

/** Doubles a leading `~`: a single one marks the subjects that Sluice makes. */
export function marked(value: string): string {
  return value.startsWith('~') ? `~${value}` : value
}

/** Escapes `:`, which separates the values. */
function escaped(value: string): string {
  return value.includes(':') || value.includes('\\') ? value.replaceAll('\\', '\\\\').replaceAll(':', '\\:') : value
}
