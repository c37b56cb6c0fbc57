import { type Decision, type MaybePromise, type RequestLimiter, SluiceError, type Subject, type WaitOptions } from '@sluice/core'
import {
  checkCallOptions,
  type Deciding,
  isPromise,
  isRequest,
  KeyedLimiter,
  type StateChange,
  type Target,
} from '@sluice/core/adapter-kit'
import type { Deciding as Policies, Selected, Selecting } from './in-force.ts'
import { planOf } from './plan.ts'
import { factsOfAsked } from './viewed.ts'

type CallOptions = WaitOptions<string, string>

/** The limiter of a `rateLimit` with policies. It decides requests, since only a request says which limits hold. */
export class PolicyLimiter<C> extends KeyedLimiter<C> implements RequestLimiter<C> {
  private readonly policies: Policies
  private readonly requests: Selecting<C>

  constructor(policies: Policies, requests: Selecting<C>) {
    const { engine, ipv6Prefix } = policies
    super(engine, engine, { keyOf: () => undefined, ipv6Prefix, remedy: 'pass the request, or what a subject of the document can be' })
    this.policies = policies
    this.requests = requests
  }

  subjectOf(request: C): MaybePromise<Subject<string> | undefined> {
    const selected = this.requests.select(request)
    const subject = ({ asked, selection }: Selected): MaybePromise<Subject<string> | undefined> => {
      if (selection.enforced.length === 0 || selection.rejected !== undefined) return undefined
      const plan = planOf(selection.enforced, asked, undefined, true)
      return isPromise(plan) ? plan.then((late) => late.subject) : plan.subject
    }
    return isPromise(selected) ? selected.then(subject) : subject(selected)
  }

  clientAddress(request: C): string | undefined {
    return this.requests.address(request)
  }

  /** The feed owns what all mounts share. */
  override close(): void {}

  protected override decide(method: Deciding, request: Subject<string> | C, options: CallOptions | undefined): MaybePromise<Decision> {
    if (options !== undefined) checkCallOptions(options, this.name, method)
    if (!isRequest(request)) throw this.noRequest()
    for (const name of ['tier', 'numbers'] as const) if (options?.[name] !== undefined) throw this.inDocument(name)
    return this.decideRequest(method, request, options)
  }

  protected override change<T>(subject: Subject<string> | C, how: StateChange<T>): MaybePromise<T> {
    return isRequest(subject) ? this.changeRequest(subject, how) : super.change(subject, how)
  }

  private async decideRequest(method: Deciding, request: C, options: CallOptions | undefined): Promise<Decision> {
    const { inForce, asked, selection } = await this.requests.select(request)
    if (selection.rejected !== undefined) throw this.missing(selection.rejected.part)
    const { engine } = this.policies
    const { set, isPlain } = inForce.sets.of(selection.enforced, 'enforce', asked.tier)
    const { subject, cost } = await planOf(selection.enforced, asked, options?.cost, isPlain)
    if (method === 'wait') return engine.waitAt(set, subject, { ...options, cost })
    if (method === 'credit') return engine.creditAt(set, subject, cost)
    if (method === 'peek') return engine.peekAt(set, subject, cost, options?.atLeast)
    const facts = engine.observers.hears ? factsOfAsked(asked) : undefined
    return engine.decide(set, subject, cost, method === 'consume' ? 'charge' : 'force', options?.atLeast, facts)
  }

  /** The states of the limits that hold for the request, and of those in shadow. */
  private async changeRequest<T>(request: C, how: StateChange<T>): Promise<T> {
    const { inForce, asked, selection } = await this.requests.select(request)
    if (selection.rejected !== undefined) throw this.missing(selection.rejected.part)
    const targets: Target[] = []
    for (const mode of ['enforce', 'shadow'] as const) {
      for (const choice of mode === 'enforce' ? selection.enforced : selection.shadows) {
        const { limits } = inForce.sets.of([choice], mode, asked.tier).set
        for (const [i, { limit, scope }] of limits.entries()) targets.push({ limit, scope, subject: choice.limits[i]?.subject ?? '' })
      }
    }
    return how.engine(this.policies.engine, targets)
  }

  private missing(part: string): SluiceError {
    return new SluiceError('ERR_SUBJECT_MISSING', `limiter "${this.name}": expected a request with a subject, got one without ${part}`)
  }

  private noRequest(): SluiceError {
    return new SluiceError(
      'ERR_SUBJECT_INVALID',
      `limiter "${this.name}": expected a request, which says which limits of the document hold, got a subject; for data, call check() of the feed`,
    )
  }

  private inDocument(option: string): SluiceError {
    return new SluiceError('ERR_OPTION_CONFLICT', `limiter "${this.name}": ${option}: the document says it; leave ${option} out`)
  }
}
