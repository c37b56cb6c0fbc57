import type { KeyOf } from '../identity/part.ts'
import { isMissing, type Missing, type SubjectOptions, type SubjectReader, subjectReader } from '../identity/subject.ts'
import type { Subject } from '../limiter.ts'
import { type LimitSet, type ScopedLimit, type Policy, setsOf } from '../policy.ts'
import { isPromise, type MaybePromise } from '../runtime.ts'

/** Who is limited by which limits; or that a subject is missing and the request is to be refused or let through. */
export type Subjects = { readonly set: LimitSet; readonly subject: Subject<string> } | Missing

/**
 * Reads the subjects of a set of limits, each key once: limits without a key of their own share the limiter's. A limit
 * whose own key is missing under `missing: 'skip'` does not apply; the others do.
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
  const shared = readerOf(key)
  // Made now, so that a bad key is refused at the start.
  for (const set of policy === undefined ? [] : setsOf(policy)) for (const limit of set.limits) readerOf(limit.key ?? key)

  const whole = (context: C, set: LimitSet): MaybePromise<Subjects> => {
    const subject = shared(context)
    return isPromise(subject) ? subject.then((late) => ofAll(set, late)) : ofAll(set, subject)
  }

  const several = (context: C, set: LimitSet, keys: readonly (KeyOf<C> | undefined)[]): MaybePromise<Subjects> => {
    const values = keys.map((own) => readerOf(own)(context))
    const combined = (read: readonly (string | Missing)[]) => combine(set, (own) => read[keys.indexOf(own)] as string | Missing)
    return values.some(isPromise) ? Promise.all(values).then(combined) : combined(values as (string | Missing)[])
  }

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

  return (context, set) => {
    if (set.limits.every(isUnkeyed)) return whole(context, set)
    const keys = [...new Set(set.limits.map((limit) => limit.key ?? key))]
    return several(context, set, keys)
  }
}

function ofAll(set: LimitSet, subject: string | Missing): Subjects {
  return isMissing(subject) ? subject : { set, subject }
}

function isUnkeyed({ key }: ScopedLimit): boolean {
  return key === undefined
}
