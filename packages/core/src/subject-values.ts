import { joinSubject } from './identity/subject.ts'
import type { Subject, SubjectValue } from './limiter.ts'
import { type LimitSet, type Policy, type ScopedLimit, setsOf } from './policy.ts'
import type { Charge } from './store.ts'

/** The state of one limit and subject. */
export type Target = Pick<Charge, 'limit' | 'scope' | 'subject'>

/** The subject of one limit; `undefined` if there is none. */
export function subjectOf(name: string, subject: Subject<string>): string | undefined {
  // First, since this is in each decision.
  if (typeof subject === 'string') return subject
  const value = valueOf(name, subject)
  return isList(value) ? joinSubject(value) : value
}

/** The texts of a subject: one for all limits, or those of each limit that it names. */
export function textsOf(subject: Subject<string>): readonly string[] {
  const values = typeof subject === 'string' || isList(subject) ? [subject] : Object.values(subject)
  return values.flatMap((value) => (value === undefined ? [] : [isList(value) ? joinSubject(value) : value]))
}

/** The value for one limit, before a list is joined. */
export function valueOf(name: string, subject: Subject<string>): SubjectValue | undefined {
  if (typeof subject === 'string' || isList(subject)) return subject
  // Own properties only: a limit may be named `constructor`.
  return Object.hasOwn(subject, name) ? subject[name] : undefined
}

/** The limits that a subject by limit names. All of them for a text, and for a subject that names none, which is refused later. */
export function namedLimits(set: LimitSet, subject: Subject<string>): LimitSet {
  if (typeof subject !== 'object' || subject === null || isList(subject)) return set
  const limits = set.limits.filter(({ limit }) => Object.hasOwn(subject, limit.name))
  return limits.length === 0 ? set : { ...set, limits }
}

/** Whether it is a text that is not empty, or a list of one or more such texts. */
export function isSubjectValue(value: unknown): value is SubjectValue {
  // No list is made for a text, since each decision over several keys comes here.
  if (typeof value === 'string') return value !== ''
  return isList(value) && value.length > 0 && value.every((each) => typeof each === 'string' && each !== '')
}

/** Each state of a subject under these policies, once: a limit may be in several sets. `subjectFor` returns `undefined` for none. */
export function targetsOf(
  policies: readonly Policy[],
  subjectFor: (scoped: ScopedLimit, policy: Policy) => string | undefined,
): readonly Target[] {
  const targets: Target[] = []
  for (const policy of policies) {
    for (const scoped of setsOf(policy).flatMap(({ limits }) => limits)) {
      const { limit, scope } = scoped
      const subject = subjectFor(scoped, policy)
      const isKnown = targets.some((other) => other.limit === limit && other.scope === scope && other.subject === subject)
      if (subject !== undefined && !isKnown) targets.push({ limit, scope, subject })
    }
  }
  return targets
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value)
}
