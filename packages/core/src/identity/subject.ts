import { invalid } from '../errors.ts'
import { chain, isPromise, type MaybePromise } from '../runtime.ts'
import { type Canonicalizer, canonicalizer } from './canonical.ts'
import { addressUnknown } from './client.ts'
import type { KeyOf, Part } from './part.ts'
import type { RequestFacts } from './request-facts.ts'

/** What a request without a subject gets: its address as the subject, a refusal, or no limit. */
export type MissingRule = 'address' | 'reject' | 'skip'

/** In place of a subject: there is none, and the rule is not to use the address. */
export interface Missing {
  readonly action: 'reject' | 'skip'
  /** For a refusal: 401 when it was a credential, else 400. */
  readonly status: 400 | 401
  /** The part that was missing: `header:x-api-key`. */
  readonly part: string
}

export interface SubjectOptions<C> {
  /** Its `address` is the client's, as `clientAddress` says it. */
  readonly facts: RequestFacts<C>
  /** Default `'address'`. */
  readonly missing?: MissingRule | undefined
  /** Bits, 32 to 64, for the parts that are addresses; default 56. */
  readonly ipv6Prefix?: number | undefined
}

export type SubjectReader<C> = (context: C) => MaybePromise<string | Missing>

/**
 * Makes the function that reads a request's subject, once, and at once if every part is at hand. Without a key: the client's address.
 *
 * One value is the subject as it is, except that a leading `~` is doubled; several are joined by `joinSubject`. The address
 * of a client whose value is missing is `~ip:1.2.3.4`, so that a key which looks like an address never spends that address's quota.
 * @throws ERR_OPTION_INVALID; the function: ERR_ADDRESS_UNKNOWN, ERR_SUBJECT_INVALID, and what the key throws
 */
export function subjectReader<C>(key: KeyOf<C> | undefined, options: SubjectOptions<C>): SubjectReader<C> {
  const { facts, missing = 'address' } = options
  if (missing !== 'address' && missing !== 'reject' && missing !== 'skip')
    throw invalid('missing', "'address', 'reject' or 'skip'", missing)
  const canonical = canonicalizer(options.ipv6Prefix)
  if (key === undefined) return (context) => knownAddress(facts, context)
  const [only, ...more] = partsOf(key).map((part) => valueReader(part, facts, missing, canonical))
  if (only === undefined) throw invalid('key', 'one part or more', key)
  return more.length === 0 ? only : joining([only, ...more])
}

/** The subject that a key of that many parts makes of these values, for `limiter.reset`. Two lists of one length never give the same text. */
export function joinSubject(values: readonly string[]): string {
  return values.length === 1 ? marked(values[0] ?? '') : values.map((value) => escaped(marked(value))).join(':')
}

/** True for what stands in place of a subject. */
export function isMissing(subject: string | Missing): subject is Missing {
  return typeof subject !== 'string'
}

function partsOf<C>(key: KeyOf<C>): readonly Part<C>[] {
  if (typeof key === 'function') return [{ name: 'key', read: (context) => key(context) }]
  const parts: readonly unknown[] = Array.isArray(key) ? key : [key]
  for (const [i, part] of parts.entries()) {
    if (!isPart<C>(part)) {
      throw invalid(
        Array.isArray(key) ? `key[${i}]` : 'key',
        "a part such as ip() or header('x-api-key'), a function, or an array of one or more parts",
        part,
      )
    }
  }
  return parts as readonly Part<C>[]
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
        // As text, an object would be one bucket for all, and a number past 2^53 somebody else's.
        throw invalid(part.name, 'a string or undefined, so String(id) for a number', read, 'ERR_SUBJECT_INVALID')
      }
      const value = part.address === true && read ? canonical(read) : read
      return value ? marked(value) : (missing ?? `~ip:${knownAddress(facts, context)}`)
    })
}

function knownAddress<C>(facts: RequestFacts<C>, context: C): string {
  const address = facts.address(context)
  if (address === undefined) throw addressUnknown()
  return address
}

/** Reads one value after the other, and none after one that is missing. */
function joining<C>(readers: readonly SubjectReader<C>[]): SubjectReader<C> {
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

/** No value starts with a single `~`: those are ours. */
function marked(value: string): string {
  return value.startsWith('~') ? `~${value}` : value
}

/** No bare `:` is left in it: those are between the values. */
function escaped(value: string): string {
  return value.includes(':') || value.includes('\\') ? value.replaceAll('\\', '\\\\').replaceAll(':', '\\:') : value
}
