import type { Decision } from '../decision.ts'
import { clientAddress } from '../identity/client.ts'
import type { ReportWarning } from '../identity/trust.ts'
import { invalid } from '../errors.ts'
import type { Limit, LimitRule } from '../limit.ts'
import type { Cost, Limiter } from '../limiter.ts'
import { LimiterEngine } from '../limiter-engine.ts'
import { ObserverHub } from '../observers.ts'
import { knownOptions } from '../known-options.ts'
import { changePolicy, definePolicy, type LimitSet, type Policy, setsOf } from '../policy.ts'
import { chain, isPromise, type MaybePromise } from '../runtime.ts'
import { afterResponse, type Done } from './settlement.ts'
import { checkDialect, type HeaderEntry, type HeaderLine, itemsOf, renderHeaders } from './headers.ts'
import type { Host } from './host.ts'
import { checkOptions, policyOptions, type RateLimitOptions } from './options.ts'
import { partitionKeys } from './partition.ts'
import { missingRefusal, refusal, type RefusalResponse } from './refusal.ts'
import { type Subjects, subjectsReader } from './subjects.ts'
import { numbersReader, sensibleCost, sensibleTier } from './values.ts'

/** What an adapter applies: set the headers (never append), then go on, or answer. */
export type HttpOutcome<R = unknown> = Admission<R> | Refusal

/** A request that goes on to its handler. */
export interface Admission<R = unknown> {
  readonly pass: true
  readonly headers: readonly HeaderLine[]
  /** `undefined` when the request was skipped. */
  readonly decision: Decision | undefined
  /** ms to wait before going on. */
  readonly delay: number
  /** To be called once, when the response's body has ended or the client is gone; `undefined` when there is nothing to do then. */
  readonly done: Done<R> | undefined
}

/** A request that is answered in place of its handler. */
export interface Refusal extends RefusalResponse {
  readonly pass: false
  /** `undefined` when the request had no subject: the store was not asked. */
  readonly decision: Decision | undefined
}

/** Decides one request. Throws, or rejects, only where nobody could decide. */
export type Pipeline<C, R> = ((context: C) => MaybePromise<HttpOutcome<R>>) & {
  readonly limiter: Limiter
  /**
   * A pipeline of the same limiter for some of its requests: `change` is given each set of limits (that of every tier) and
   * answers with what holds here. All of them are one decision. A limit that stays shares its state with everywhere else; one
   * made by `amendLimit` with a `scope` does not.
   * @throws what `createPipeline` throws; ERR_OPTION_INVALID for a limiter that somebody wrapped
   */
  extend(change: (rules: readonly LimitRule<string, C>[]) => readonly LimitRule<string, C>[], options?: Extension<C, R>): Pipeline<C, R>
}
/** The options that an extension may have of its own. */
export type Extension<C, R = unknown> = Pick<RateLimitOptions<C, R>, (typeof EXTENDING)[number]>
const EXTENDING = ['key', 'missing', 'skip', 'cost', 'refundWhen', 'settle', 'message', 'statusCode', 'handler'] as const

// Registered, so that limiters of two copies of this package still write one header set.
const ENTRIES = Symbol.for('sluice.entries')

/**
 * From the facts of a request to what is to be answered, for any framework that a `Host` describes.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT, ERR_NAME_*, ERR_LIMIT_INEXACT, saying what was expected and what came
 */
export function createPipeline<C, R = unknown>(host: Host<C>, given: RateLimitOptions<C, R> = {}): Pipeline<C, R> {
  checkOptions(given)
  // A copy: the caller may change its object while requests are under way.
  const options = { ...given }
  const { policy: defined, shorthand: isShorthand } = policyOptions(options as RateLimitOptions<C, never>)
  const limiter: Limiter = options.limiter ?? engineOf(defined, isShorthand, options)
  // One that somebody wrapped is asked through its public face: it has one subject, and its limits are its own affair.
  const engine = limiter instanceof LimiterEngine ? limiter : undefined
  const own = options.limiter === undefined && engine !== undefined
  const observers = own ? engine.observers : new ObserverHub(limiter.name, undefined, options.strict)
  const client = clientOf(host, options, observers)
  const numbered = own && engine.shorthand ? engine.policy.base?.limits[0]?.limit : undefined
  return pipelineOf({ host, client, limiter, engine, observers, numbered }, options)
}

/** What a pipeline and its extensions share. */
interface Family<C> {
  readonly host: Host<C>
  /** The host whose `address` is the client's. */
  readonly client: Host<C>
  readonly limiter: Limiter
  readonly engine: LimiterEngine | undefined
  readonly observers: ObserverHub
  /** The limit whose numbers may come from functions. */
  readonly numbered: Limit | undefined
}

function clientOf<C, R>(host: Host<C>, { ipv6Prefix, trustProxy }: RateLimitOptions<C, R>, observers: ObserverHub): Host<C> {
  // What a client can provoke is told, never thrown.
  const report: ReportWarning = (code, message) =>
    code === 'WARN_FORWARDED_CONFLICT' ? observers.warn(code, message) : observers.warnOrThrow(code, message)
  const hostTrusts = (context: C): boolean => {
    const trust = host.trust?.(context) ?? 'none'
    if (trust === 'anyone')
      report(
        'WARN_TRUST_PERMISSIVE',
        'the framework is set to trust every proxy, so any client can claim any address; list your own proxies',
      )
    return trust !== 'none'
  }
  const socketAddress = (context: C) => (host.socketAddress === undefined ? host.address(context) : host.socketAddress(context))
  // With `trustProxy`, core reads the forwarded headers from the connection on: `address` may be read from those headers already.
  const connected = trustProxy === undefined ? host : { ...host, address: socketAddress }
  return {
    ...host,
    address: clientAddress(connected, { trustProxy, ipv6Prefix, hostTrusts: host.trust === undefined ? undefined : hostTrusts }, report),
  }
}

function pipelineOf<C, R>(family: Family<C>, options: RateLimitOptions<C, R>): Pipeline<C, R> {
  const { host, client, limiter, engine, observers, numbered } = family
  const dialect = checkDialect(options)
  const shorthand = engine?.shorthand ?? false
  const names: ReadonlySet<string> = engine?.policy.names ?? new Set()
  const { skip, tier, cost, key, missing, ipv6Prefix } = options
  const subjects = subjectsReader(engine?.policy, key, { facts: client, missing, ipv6Prefix })
  const numbers = numbersReader(options as RateLimitOptions<C, never>, engine?.policy.base, numbered, observers)
  const settling = { limiter, options, names, observers }
  const follows = mayFollow(engine?.policy, options)
  const partition = options.partitionKey === undefined ? undefined : partitionKeys(options.partitionKey.secret)

  // What nothing asynchronous stands in front of is decided at once: each step looks, rather than chains, since a closure costs as much as the step.
  const limited = (context: C): MaybePromise<HttpOutcome<R>> =>
    tier === undefined ? planned(context, undefined) : chain(tier(context), (named) => planned(context, sensibleTier(named, observers)))

  const planned = (context: C, plan: string | undefined): MaybePromise<HttpOutcome<R>> => {
    if (engine === undefined) return subjected(context, NO_LIMITS, plan)
    return numbers === undefined
      ? within(context, engine.limitsOf(plan), plan)
      : chain(numbers(context), (set) => within(context, set, plan))
  }

  const within = (context: C, set: LimitSet, plan: string | undefined): MaybePromise<HttpOutcome<R>> =>
    engine !== undefined && set.limits.length === 0
      ? decided(context, engine.decide(set, 'unlimited', undefined, 'charge'))
      : subjected(context, set, plan)

  const subjected = (context: C, set: LimitSet, plan: string | undefined): MaybePromise<HttpOutcome<R>> => {
    const found = subjects(context, set)
    return isPromise(found) ? found.then((late) => charged(context, late, plan)) : charged(context, found, plan)
  }

  const charged = (context: C, found: Subjects, plan: string | undefined): MaybePromise<HttpOutcome<R>> => {
    if (isMissingSubject(found)) return found.action === 'skip' ? SKIPPED : { pass: false, ...missingRefusal(found), decision: undefined }
    if (cost === undefined) return decided(context, decide(found, undefined, plan))
    return chain(cost(context), (asked) => decided(context, decide(found, sensibleCost(asked, names, 'cost', observers), plan)))
  }

  const decide = (
    { set, subject }: Exclude<Subjects, { action: string }>,
    units: Cost<string> | undefined,
    plan: string | undefined,
  ): MaybePromise<Decision> =>
    engine === undefined ? limiter.consume(subject, { cost: units, tier: plan }) : engine.decide(set, subject, units, 'charge')

  const decided = (context: C, decision: MaybePromise<Decision>): MaybePromise<HttpOutcome<R>> =>
    isPromise(decision) ? decision.then((made) => told(context, made)) : told(context, decision)

  const told = (context: C, decision: Decision): MaybePromise<HttpOutcome<R>> => {
    if (decision.mode !== 'enforce' || decision.charges.length === 0) return passed(context, decision, [])
    if (partition === undefined) return answered(context, { decision, shorthand })
    return partition(decision)
      .catch((error: unknown) => {
        // Charged by now: a header that cannot be made must not fail the request, nor keep its holders.
        observers.warn('WARN_VALUE_IGNORED', `partitionKey left out: ${String(error)}`, 'partitionKey')
        return undefined
      })
      .then((partitionKeys) => answered(context, { decision, shorthand, partitionKeys }))
  }

  const answered = (context: C, entry: HeaderEntry): MaybePromise<HttpOutcome<R>> => {
    const { decision } = entry
    const headers = renderHeaders(entriesOf(host.id(context), entry), dialect, decidedAt(decision))
    return decision.allowed ? passed(context, decision, headers) : refused(context, decision, headers)
  }

  const refused = (context: C, decision: Decision, headers: readonly HeaderLine[]): MaybePromise<HttpOutcome<R>> =>
    chain(
      refusal(decision, context, headers, itemsOf(decision, shorthand).names, options as RateLimitOptions<C, never>),
      (answer): HttpOutcome<R> => ({ pass: false, ...answer, decision }),
    )

  const passed = (context: C, decision: Decision, headers: readonly HeaderLine[]): HttpOutcome<R> => ({
    pass: true,
    headers,
    decision,
    delay: decision.mode === 'enforce' ? decision.delay : 0,
    done: follows ? afterResponse(settling, decision, context, host.ends?.(context) ?? true) : undefined,
  })

  const run = (context: C): MaybePromise<HttpOutcome<R>> => {
    if (host.method(context) === 'OPTIONS' && host.header(context, 'access-control-request-method')) return SKIPPED
    return skip === undefined ? limited(context) : chain(skip(context), (skipped) => (skipped === true ? SKIPPED : limited(context)))
  }
  const extend: Pipeline<C, R>['extend'] = (change, over = {}) => {
    if (engine === undefined) throw invalid('limiter', 'one made by createLimiter() or rateLimit(), to be extended', limiter)
    knownOptions('extend', over, EXTENDING)
    const given = Object.fromEntries(Object.entries(over).filter(([, value]) => value !== undefined))
    const extended: RateLimitOptions<C, R> = { ...options, ...given }
    checkOptions(extended)
    const derived = engine.derive(changePolicy(engine.policy, change))
    return pipelineOf({ ...family, limiter: derived, engine: derived }, extended)
  }
  return Object.assign(run, { limiter, extend })
}

const SKIPPED: HttpOutcome = Object.freeze({ pass: true, headers: [], decision: undefined, delay: 0, done: undefined })
const NO_LIMITS: LimitSet = Object.freeze({ tier: undefined, limits: [] })

function engineOf<C, R>(defined: Parameters<typeof definePolicy>[0], shorthand: boolean, options: RateLimitOptions<C, R>): LimiterEngine {
  const policy = definePolicy(defined)
  return new LimiterEngine(policy, options.store, new ObserverHub(policy.name, options.on, options.strict), shorthand)
}

/** Whether any response may have to be followed: else none is looked at. */
function mayFollow<C, R>(policy: Policy | undefined, { refundWhen, settle }: RateLimitOptions<C, R>): boolean {
  const holds = policy === undefined || setsOf(policy).some(({ limits }) => limits.some((limit) => limit.holds))
  return holds || refundWhen !== undefined || settle !== undefined
}

function isMissingSubject(found: Subjects): found is Extract<Subjects, { action: string }> {
  return 'action' in found
}

/** Every limiter's part in this request's headers so far, this one last. */
function entriesOf(id: object, entry: HeaderEntry): readonly HeaderEntry[] {
  const held = id as { [ENTRIES]?: HeaderEntry[] }
  const entries = held[ENTRIES]
  if (entries === undefined) return (held[ENTRIES] = [entry])
  entries.push(entry)
  return entries
}

/** ms since the epoch, by the clock of the store that decided: the one that knows when its windows end. */
function decidedAt({ outcomes }: Decision): number {
  for (const outcome of outcomes) if (outcome !== undefined) return outcome.at / 1000
  return 0
}
