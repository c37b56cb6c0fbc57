import { show, SluiceError } from './errors.ts'
import type { KeyOf } from './identity/part.ts'
import { type Spelling, spellingOf } from './identity/spelling.ts'
import type { LimiterEngine } from './limiter-engine.ts'
import type { Subject, SubjectValue } from './limiter.ts'
import { type Policy, setsOf } from './policy.ts'
import { isSubjectValue, type Target, targetsOf, valueOf } from './subject-values.ts'

/** With which keys a limiter converts subjects. */
export interface KeyOptions {
  /** The key of the limits of a policy that have none of their own. `undefined`: the client's address. */
  keyOf(policy: Policy | undefined): KeyOf<any> | undefined
  /** How many leading bits of an IPv6 address are one client: 32 to 64. Default: 56. */
  readonly ipv6Prefix?: number | undefined
  /** What to do about a subject that no key gives, for messages. */
  readonly remedy: string
}

/** Converts the subjects that an application passes to a limiter to the form that the key of each limit gives for a request. */
export class KeySubjects {
  private readonly name: string
  private readonly engine: LimiterEngine | undefined
  private readonly options: KeyOptions
  private readonly spellings = new Map<KeyOf<any> | undefined, Spelling>()

  /** `engine`: `undefined` for a limiter that an application wrapped, which has one subject. */
  constructor(name: string, engine: LimiterEngine | undefined, options: KeyOptions) {
    this.name = name
    this.engine = engine
    this.options = options
  }

  /** The subject as the keys of the limits that apply spell it. @throws ERR_SUBJECT_INVALID */
  spelled(subject: Subject<string>, tier: string | undefined): Subject<string> {
    if (this.engine === undefined) return isSubjectValue(subject) ? this.spelledBy(undefined, undefined, subject) : subject
    const { policy } = this.engine
    this.engine.checkSubject(subject)
    const { limits } = this.engine.limitsOf(tier)
    const [first] = limits
    if (isSubjectValue(subject) && limits.every(({ key }) => key === first?.key)) return this.spelledBy(first?.key, policy, subject)
    const byLimit: Record<string, SubjectValue> = isSubjectValue(subject) ? {} : { ...(subject as Record<string, SubjectValue>) }
    for (const { limit, key } of limits) {
      const value = valueOf(limit.name, subject)
      if (value !== undefined) byLimit[limit.name] = this.spelledBy(key, policy, value, limit.name)
    }
    return byLimit
  }

  /** Every state of a subject. @throws ERR_SUBJECT_INVALID */
  targetsOf(engine: LimiterEngine, subject: Subject<string>): readonly Target[] {
    engine.checkSubject(subject)
    const isByLimit = !isSubjectValue(subject)
    const targets = targetsOf(engine.policies, ({ limit, key }, policy) => {
      const value = valueOf(limit.name, subject)
      const spelled = value === undefined ? undefined : this.spellingOf(key, policy).subjectOf(value)
      if (isByLimit && value !== undefined && spelled === undefined) throw this.unspelled(value, [this.spellingOf(key, policy)], limit.name)
      return spelled
    })
    if (targets.length === 0 && !isByLimit) throw this.unspelled(subject, this.allSpellings())
    return targets
  }

  private spelledBy(key: KeyOf<any> | undefined, policy: Policy | undefined, value: SubjectValue, limit?: string): string {
    const spelling = this.spellingOf(key, policy)
    const spelled = spelling.subjectOf(value)
    if (spelled === undefined) throw this.unspelled(value, [spelling], limit)
    return spelled
  }

  /** How the key of a limit spells subjects; without one, the key of its policy. */
  private spellingOf(own: KeyOf<any> | undefined, policy: Policy | undefined): Spelling {
    const key = own ?? this.options.keyOf(policy)
    let spelling = this.spellings.get(key)
    if (spelling === undefined) this.spellings.set(key, (spelling = spellingOf(key, this.options.ipv6Prefix)))
    return spelling
  }

  private allSpellings(): readonly Spelling[] {
    const policy = this.engine?.policy
    const limits = policy === undefined ? [] : setsOf(policy).flatMap((set) => set.limits)
    return [...new Set(limits.map(({ key }) => this.spellingOf(key, policy)))]
  }

  private unspelled(value: SubjectValue, spellings: readonly Spelling[], limit?: string): SluiceError {
    const where = limit === undefined ? 'subject' : `subject of limit "${limit}"`
    const expected = spellings.map((spelling) => spelling.expected).join(', or ')
    return new SluiceError(
      'ERR_SUBJECT_INVALID',
      `limiter "${this.name}": ${where}: expected ${expected}, got ${show(value)}; ${this.options.remedy}`,
    )
  }
}
