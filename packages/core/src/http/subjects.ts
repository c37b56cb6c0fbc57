import type { KeyOf } from '../identity/part.ts'
import { isMissing, type Missing, type SubjectOptions, type SubjectReader, subjectReader } from '../identity/subject.ts'
import type { Subject } from '../limiter.ts'
import { type LimitSet, type Policy, setsOf } from '../policy.ts'
import { chain, isPromise, mapAll, type MaybePromise } from '../runtime.ts'

/** The limits that apply, with their subjects; or a missing subject, for which the request is refused or not limited. */
export type Subjects = { readonly set: LimitSet; readonly subject: Subject<string> } | Missing

/** The limits that apply, with their subjects. */
export type FoundSubjects = Exclude<Subjects, { action: string }>

/**
 * Makes the function that reads the subjects of a set of limits. Limits without their own key share `key`; each key is read once. With
 * `missing: 'skip'`, a limit whose own key is missing does not apply; the other limits do.
 */
export function subjectsReader<C>(
  policy: Policy | undefined,
  key: KeyOf<C> | undefined,
  options: SubjectOptions<C>,
): (context: C, set: LimitSet) => MaybePromise<Subjects> {
  const readers = new Map<KeyOf<C> | undefined, SubjectReader<C>>()
  const readerOf = (own: KeyOf<C> | undefined): SubjectReader<C> => {
    const known = readers.get(own)
    if (known !== undefined) return known
    const reader = subjectReader(own, options)
    readers.set(own, reader)
    return reader
  }
  const readShared = readerOf(key)
  // Made here, so that an invalid key is refused when the pipeline is made.
  for (const set of policy === undefined ? [] : setsOf(policy)) for (const limit of set.limits) readerOf(limit.key ?? key)

  const combine = (set: LimitSet, valueOf: (own: KeyOf<C> | undefined) => string | Missing): Subjects => {
    const subject: Record<string, string> = {}
    let skipped: Missing | undefined
    for (const { limit, key: own } of set.limits) {
      const value = valueOf(own ?? key)
      if (!isMissing(value)) subject[limit.name] = value
      else if (value.action === 'reject') return value
      else skipped = value
    }
    if (skipped === undefined) return { set, subject }
    const limits = set.limits.filter(({ limit }) => Object.hasOwn(subject, limit.name))
    return limits.length === 0 ? skipped : { set: { ...set, limits }, subject }
  }

  const readOwn = (context: C, set: LimitSet): MaybePromise<Subjects> => {
    const keys = [...new Set(set.limits.map((limit) => limit.key ?? key))]
    return chain(
      mapAll(keys, (own) => readerOf(own)(context)),
      (read) => combine(set, (own) => read[keys.indexOf(own)] as string | Missing),
    )
  }

  // Without a closure, for whose variables V8 would allocate memory at every call.
  return (context, set) => {
    if (hasOwnKeys(set)) return readOwn(context, set)
    const subject = readShared(context)
    return isPromise(subject) ? forAllLimitsLater(set, subject) : forAllLimits(set, subject)
  }
}

function forAllLimitsLater(set: LimitSet, subject: Promise<string | Missing>): Promise<Subjects> {
  return subject.then((late) => forAllLimits(set, late))
}

function forAllLimits(set: LimitSet, subject: string | Missing): Subjects {
  return isMissing(subject) ? subject : { set, subject }
}

function hasOwnKeys({ limits }: LimitSet): boolean {
  for (let i = 0; i < limits.length; i++) if (limits[i]?.key !== undefined) return true
  return false
}

/** An object of subjects by limit is a plain one. A request or context of a framework has a class. */
export function isRequest<C>(subject: Subject<string> | C): subject is C {
  if (typeof subject !== 'object' || subject === null || Array.isArray(subject)) return false
  const prototype = Object.getPrototypeOf(subject) as object | null
  return prototype !== null && Object.getPrototypeOf(prototype) !== null
}
