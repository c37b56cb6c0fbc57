import * as v from 'valibot'
import type { Day } from './document.ts'

// The parts of the schema: texts, numbers, lists and objects, and the forms of texts.

/** The most of everything in one document. */
export const MAX = { bytes: 1_048_576, policies: 200, rules: 500, overrides: 10_000, limitsOfRule: 16, list: 1_000, depth: 20 } as const

export type Schema<T> = v.GenericSchema<unknown, T>

export function described<S extends v.GenericSchema>(schema: S, text: string): S {
  return v.pipe(schema, v.description(text)) as unknown as S
}

/** Names an object, for editors and for the reference. */
export function titled<S extends v.GenericSchema>(title: string, schema: S): S {
  return v.pipe(schema, v.title(title)) as unknown as S
}

export function text(max = 256): v.GenericSchema<string> {
  return v.pipe(v.string(), v.minLength(1), v.maxLength(max))
}

/** A text of a form. `words` say the form in messages. */
export function like([pattern, words]: Form): v.GenericSchema<string> {
  return v.pipe(v.string(), v.regex(pattern, words))
}

export function whole(min: number, max: number = Number.MAX_SAFE_INTEGER): v.GenericSchema<number> {
  return v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max))
}

export function listOf<T>(item: Schema<T>, min = 1, max: number = MAX.list): Schema<T[]> {
  return v.pipe(v.array(item), v.minLength(min), v.maxLength(max))
}

export function opt<S extends v.GenericSchema>(schema: S): v.OptionalSchema<S, undefined> {
  return v.optional(schema)
}

export function object<const E extends v.ObjectEntries>(entries: E): v.StrictObjectSchema<E, undefined> {
  return withoutLists(v.strictObject(entries))
}

export function record<const V extends v.GenericSchema>(
  key: v.GenericSchema<string, string>,
  value: V,
): v.RecordSchema<v.GenericSchema<string, string>, V, undefined> {
  return withoutLists(v.record(key, value))
}

/** To JavaScript, a list is an object: `match: []` would be the match of every request. */
function withoutLists<S extends v.GenericSchema>(schema: S): S {
  const run: S['~run'] = (dataset, config) => {
    if (!Array.isArray(dataset.value)) return schema['~run'](dataset, config)
    v._addIssue(schema as never, 'type', dataset, config)
    return dataset as ReturnType<S['~run']>
  }
  return { ...schema, '~run': run }
}

type Form = readonly [pattern: RegExp, words: string]

const nameForm = (length: number, chars = '_ or -'): string => `a name: a letter, then at most ${length} letters, digits, ${chars}`
export const NAMESPACE: Form = [/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, nameForm(63, '_, . or -')]
export const NAMESPACE_OR_ALL: Form = [/^(?:\*|[A-Za-z][A-Za-z0-9_.-]{0,63})$/, `* or ${nameForm(63, '_, . or -')}`]
// A limit is named <policy>.<limit> in headers and events. Core allows 64 characters for both.
export const POLICY_NAME: Form = [/^[A-Za-z][A-Za-z0-9_-]{0,30}$/, nameForm(30)]
export const LIMIT_NAME: Form = [/^[A-Za-z][A-Za-z0-9_-]{0,31}$/, nameForm(31)]
export const NAME: Form = [/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, nameForm(63)]
export const LABEL: Form = [/^(?=.*[!-~])[ -~]{1,64}$/, 'at most 64 characters of printable ASCII, not only spaces']
export const QUALIFIED: Form = [/^[A-Za-z][A-Za-z0-9_-]{0,30}\.[A-Za-z][A-Za-z0-9_-]{0,31}$/, 'a limit as <policy>.<limit>']
export const DURATION: Form = [/^\d{1,12}(?:\.\d{1,6})?(?:ms|s|m|h|d)$/, "a duration with its unit, such as '30s', '15m', '1h' or '1d'"]
export const TOKEN: Form = [/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, 'the name of a header or a cookie']
/** A path into the attributes or the body. Its steps are names, so that no path reads what every object has. */
export const FIELD: Form = [
  /^(?!(?:.*\.)?(?:__proto__|constructor|prototype)(?:\.|$))[^.]{1,64}(?:\.[^.]{1,64}){0,7}$/,
  "the path of a field, such as 'email' or 'user.id'",
]
export const METHOD: Form = [/^[A-Z]{1,32}$/, "a method in capitals, such as 'POST'"]
export const PATH: Form = [/^\/[^\s?#]{0,1023}$/, "a path that begins with '/', without query"]
export const INSTANT: Form = [
  /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/,
  "an instant with its offset, such as '2027-01-01T00:00:00Z'",
]
export const TIME_OF_DAY: Form = [/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/, "a time of day, such as '22:00'"]

// The values that several objects have.
export const duration: v.GenericSchema<string> = like(DURATION)
export const instant: v.GenericSchema<string> = like(INSTANT)
export const field: v.GenericSchema<string> = like(FIELD)
export const units: v.GenericSchema<number> = whole(0)
export const day: Schema<Day> = v.picklist(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])
