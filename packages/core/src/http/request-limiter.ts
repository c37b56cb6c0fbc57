import type { Decision } from '../decision.ts'
import { factsOf } from '../decision-facts.ts'
import type { Duration } from '../duration.ts'
import { SluiceError } from '../errors.ts'
import type { KeyOf } from '../identity/part.ts'
import { checkCallOptions } from '../call-checks.ts'
import { isMissing, type Missing, type SubjectOptions, subjectReader } from '../identity/subject.ts'
import { type Deciding, KeyedLimiter, type StateChange } from '../keyed-limiter.ts'
import type { RequestFacts } from '../identity/request-facts.ts'
import type { LimiterEngine } from '../limiter-engine.ts'
import type { CallOptions, Limiter, Subject, TakeOptions, WaitOptions } from '../limiter.ts'
import { checkNumbers } from '../numbers/sets.ts'
import { type Policy, setsOf } from '../policy.ts'
import { chain, mapAll, type MaybePromise } from '../runtime.ts'
import { subjectOf, type Target, targetsOf } from '../subject-values.ts'
import { type FoundSubjects, isRequest } from './subjects.ts'

/**
 * The limiter of `rateLimit()`. Its methods take a subject as any limiter does, and a request or context, whose subject they read. They
 * convert a subject to the form that the key of each limit gives: an address may be in any notation, and a list has one value for each part.
 */
export interface RequestLimiter<C, N extends string = string, T extends string = string> extends Limiter<N, T> {
  /**
   * Charges every limit, or none of them if one refuses.
   * @throws as `Limiter`, and ERR_SUBJECT_INVALID for a subject that the key of a limit cannot give
   */
  consume(subject: Subject<N> | C, options?: TakeOptions<N, T>): MaybePromise<Decision<N>>
  /** Decides as `consume` would, and takes nothing. */
  peek(subject: Subject<N> | C, options?: TakeOptions<N, T>): MaybePromise<Decision<N>>
  /** Waits until the request is admitted, and charges it then. */
  wait(subject: Subject<N> | C, options?: WaitOptions<N, T>): Promise<Decision<N>>
  /** Charges even past the limit, which may leave a debt. */
  penalize(subject: Subject<N> | C, options?: CallOptions<N, T>): MaybePromise<Decision<N>>
  /** Gives units back without a decision, as `Limiter.credit`. */
  credit(subject: Subject<N> | C, options?: CallOptions<N, T>): MaybePromise<Decision<N>>
  /**
   * Deletes all state of the subject under this limiter, in every tier. Limits whose key cannot give the subject keep theirs. Returns whether
   * there was any.
   * @throws ERR_SUBJECT_INVALID if no key can give it
   */
  reset(subject: Subject<N> | C): MaybePromise<boolean>
  /**
   * Refuses every request of the subject until the duration has passed, as `Limiter.block`. Of a request, all of its subjects are blocked:
   * an address and an account, where both are limited.
   * @throws as `Limiter`, and ERR_SUBJECT_INVALID if no key can give it
   */
  block(subject: Subject<N> | C, duration: Duration): MaybePromise<number>
  /** Ends a block. Returns whether the subject was blocked. */
  unblock(subject: Subject<N> | C): MaybePromise<boolean>
  /**
   * The subject of a request: a text if all its limits have the same, else one for each limit. `undefined` if the request is not limited,
   * or its key is missing. Decides nothing.
   * @throws ERR_ADDRESS_UNKNOWN if it is limited by an address that it does not have
   */
  subjectOf(request: C): MaybePromise<Subject<N> | undefined>
  /**
   * The client's address as the limiter sees it, by `trustProxy` or the framework's setting: IPv4 and IPv6 in their usual notation, with
   * all bits, for a log or a list. `undefined` if there is none.
   */
  clientAddress(request: C): string | undefined
}

/** What a `PipelineLimiter` reads requests with. */
export interface RequestReading<C> extends SubjectOptions<C> {
  /** As it is: `facts` warns where there is no route. */
  readonly host: RequestFacts<C>
  /** The limits and subjects of a request, by its tier and numbers unless others are asked for; `undefined` if a key is missing. */
  subjectsOf(request: C, asked: CallOptions<string, string> | undefined): MaybePromise<FoundSubjects | undefined>
  clientAddress(request: C): string | undefined
  /** The key of the limits of a policy that have none of their own. */
  keyOf(policy: Policy | undefined): KeyOf<C> | undefined
}

/** A limiter that reads requests, over the one that decides. Only calls by the application pass it, never a request of the pipeline. */
export class PipelineLimiter<C> extends KeyedLimiter<C> implements RequestLimiter<C> {
  private readonly reading: RequestReading<C>

  constructor(inner: Limiter, engine: LimiterEngine | undefined, reading: RequestReading<C>) {
    super(inner, engine, { ...reading, remedy: 'pass the request, or what its key can give' })
    this.reading = reading
  }

  subjectOf(request: C): MaybePromise<Subject<string> | undefined> {
    return chain(this.reading.subjectsOf(request, undefined), (found) => {
      if (found === undefined || (found.set.limits.length === 0 && this.engine !== undefined)) return undefined
      const { subject } = found
      const values = typeof subject === 'object' ? [...new Set(Object.values(subject))] : []
      return values.length === 1 ? values[0] : subject
    })
  }

  clientAddress(request: C): string | undefined {
    return this.reading.clientAddress(request)
  }

  protected override decide(
    method: Deciding,
    subject: Subject<string> | C,
    options: WaitOptions<string, string> | undefined,
  ): MaybePromise<Decision> {
    if (!isRequest(subject)) return super.decide(method, subject, options)
    if (options !== undefined) checkCallOptions(options, this.name, method)
    const { engine, inner } = this
    if (engine !== undefined && options?.numbers !== undefined) checkNumbers(options.numbers, engine.policy)
    return chain(this.found(subject, options), (found) => {
      if (engine === undefined) return inner[method](found.subject, { ...options, tier: found.set.tier })
      if (method === 'wait') return engine.waitAt(found.set, found.subject, options)
      if (method === 'credit') return engine.creditAt(found.set, found.subject, options?.cost)
      if (method === 'peek') return engine.peekAt(found.set, found.subject, options?.cost, options?.atLeast)
      const facts = engine.observers.hears ? factsOf(this.reading.host, subject) : undefined
      return engine.decide(found.set, found.subject, options?.cost, method === 'consume' ? 'charge' : 'force', options?.atLeast, facts)
    })
  }

  protected override change<T>(subject: Subject<string> | C, how: StateChange<T>): MaybePromise<T> {
    if (!isRequest(subject)) return super.change(subject, how)
    const { engine } = this
    if (engine === undefined) return chain(this.found(subject, undefined), (found) => how.inner(found.subject))
    return chain(this.targetsOfRequest(engine, subject), (targets) => how.engine(engine, targets))
  }

  private found(request: C, asked: CallOptions<string, string> | undefined): MaybePromise<FoundSubjects> {
    return chain(this.reading.subjectsOf(request, asked), (found) => found ?? this.failMissing())
  }

  private failMissing(): never {
    throw new SluiceError('ERR_SUBJECT_MISSING', `limiter "${this.name}": expected a request with a subject, got one whose key is missing`)
  }

  /** The states of what the keys of all tiers give, and of the numbers of this request. */
  private targetsOfRequest(engine: LimiterEngine, request: C): MaybePromise<readonly Target[]> {
    const keyOf = (own: KeyOf<C> | undefined, policy: Policy): KeyOf<C> | undefined => own ?? this.reading.keyOf(policy)
    const used = engine.policies.flatMap((policy) => setsOf(policy).flatMap(({ limits }) => limits.map(({ key }) => keyOf(key, policy))))
    const keys = [...new Set(used)]
    const subjects = () => mapAll(keys, (key) => subjectReader(key, this.reading)(request))
    // Together, so that no rejection is left behind when another one of them fails.
    const read = mapAll<() => MaybePromise<unknown>, unknown>([() => this.reading.subjectsOf(request, undefined), subjects], (run) => run())
    return chain(read, ([found, values]) => {
      const byKey = new Map(keys.map((key, i) => [key, (values as readonly (string | Missing)[])[i] as string | Missing]))
      const targets = targetsOf(engine.policies, ({ key }, policy) => {
        const value = byKey.get(keyOf(key, policy)) as string | Missing
        return isMissing(value) ? undefined : value
      })
      const { set, subject } = (found as FoundSubjects | undefined) ?? { set: { limits: [] }, subject: '' }
      const own = set.limits.map(({ limit, scope }) => ({ limit, scope, subject: subjectOf(limit.name, subject) as string }))
      if (targets.length + own.length === 0) return this.failMissing()
      return [...targets, ...own.filter(({ limit }) => !targets.some((target) => target.limit === limit))]
    })
  }
}
