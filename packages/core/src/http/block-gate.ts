import { systemClock } from '../clock.ts'
import type { Decision } from '../decision.ts'
import { type DecisionFacts, factsOf } from '../decision-facts.ts'
import { enabled } from '../enabled.ts'
import { forwardingHeaders, isForwarded } from '../identity/forwarding.ts'
import { identityIn } from '../identity/verified.ts'
import type { LimiterEngine } from '../limiter-engine.ts'
import type { Subject } from '../limiter.ts'
import { subjectOf } from '../subject-values.ts'
import type { KeyOf } from '../identity/part.ts'
import type { LimitSet } from '../limit-set.ts'
import type { ObserverHub } from '../observers.ts'
import { chain, type MaybePromise } from '../runtime.ts'
import { type Dialect, refusalHeaders } from './headers/headers.ts'
import type { Host } from './host.ts'
import type { RateLimitOptions } from './options.ts'
import type { HttpOutcome } from './outcome.ts'
import { refusal } from './refusal.ts'
import type { RequestBlock, RequestBlockList } from './request-blocks.ts'

/** A request that a block list refuses. */
export interface BlockedRequest {
  readonly decision: Decision
  readonly action: 'refuse' | 'drop'
}

/** What was read of a request for the block list, once. */
export interface CheckedRequest {
  /** The client's, with all its bits; `undefined` if it is not known. */
  readonly address: string | undefined
  /** Who the client is, if the application says so. */
  readonly identity: string | undefined
  /** `undefined` if the request goes on. */
  readonly blocked: BlockedRequest | undefined
}

interface GateParts<C> {
  readonly host: Host<C>
  readonly list: RequestBlockList
  readonly name: string
  /** `undefined` for a limiter that an application wrapped. */
  readonly engine: LimiterEngine | undefined
  readonly observers: ObserverHub
  readonly dialect: Dialect
  readonly wholeAddress: (context: C) => string | undefined
  readonly connectionAddress: (context: C) => string | undefined
}

/** The block list of one pipeline: asked before its limiter. It gets what the limiter decided. */
export class BlockGate<C> {
  private readonly parts: GateParts<C>
  private readonly options: RateLimitOptions<C, never>
  /** Nobody reads the answer on a closed connection, so no function of the application makes one. */
  private readonly dropped: RateLimitOptions<C, never>
  private readonly forwarding: readonly string[]

  constructor(parts: GateParts<C>, options: RateLimitOptions<C, never>) {
    const { blockedStatus = 403, forwardedHeader } = options
    this.parts = parts
    this.options = { ...options, blockedStatus }
    this.dropped = { blockedStatus }
    this.forwarding = forwardingHeaders(forwardedHeader)
  }

  /**
   * Asks the list about a request.
   * @param subject of its limits; `undefined` if it has none
   * @param identity who its client is, if the application says so
   */
  check(context: C, subject: Subject<string> | undefined, identity?: string, tier?: string, tenant?: unknown): CheckedRequest {
    const { list, wholeAddress, engine } = this.parts
    const mode = engine?.policy.mode ?? 'enforce'
    let address: string | undefined
    let block: RequestBlock | undefined
    try {
      address = wholeAddress(context)
      if (enabled && mode !== 'off') block = list.check(subjectsOf(subject, identity), address)
    } catch (error) {
      this.warn('check', error)
    }
    const blocked = block && this.blocked(context, block, mode === 'shadow' ? 'shadow' : block.action, tier, tenant)
    return { address, identity, blocked }
  }

  /** Whether the list wants decisions. */
  get hears(): boolean {
    return this.parts.list.decided !== undefined
  }

  /** Passes on to the list what a limiter decided of a request that it checked. */
  decided(context: C, decision: Decision, facts: DecisionFacts, { address, identity }: CheckedRequest): void {
    const { list, host } = this.parts
    if (list.decided === undefined) return
    try {
      const endpoint = decision.allowed ? undefined : endpointOf(host, context, facts.route)
      const { how, route, method, tenant, latency } = facts
      const authenticated = identity !== undefined
      // A literal: to spread the facts would take longer than the rest.
      list.decided(decision, { how, route, method, tenant, latency, address, authenticated, identity, endpoint })
    } catch (error) {
      this.warn('decided', error)
    }
  }

  /** The answer to a blocked request. */
  refuse<R>(context: C, { decision, action }: BlockedRequest): MaybePromise<HttpOutcome<R>> {
    const { host, dialect } = this.parts
    const isDropped = action === 'drop' && this.isDirect(context) && host.drop?.(context) === true
    const response = refusal(decision, context, refusalHeaders(decision, dialect), [], isDropped ? this.dropped : this.options)
    return chain(response, (given): HttpOutcome<R> => ({ pass: false, ...given, decision }))
  }

  /**
   * Whether the client's own connection carries the request. A proxy takes a connection that is closed for a server that has failed: it repeats the
   * request elsewhere, and then sends no requests here for a time. The socket of a message is the client's in any case.
   */
  private isDirect(context: C): boolean {
    const { host, wholeAddress, connectionAddress } = this.parts
    if (host.target === undefined) return true
    return !isForwarded(host, context, this.forwarding) && wholeAddress(context) === connectionAddress(context)
  }

  private blocked(
    context: C,
    { until, rule }: RequestBlock,
    action: RequestBlock['action'],
    tier: string | undefined,
    tenant: unknown,
  ): BlockedRequest | undefined {
    const { host, list, name, engine } = this.parts
    const observers = engine?.observers ?? this.parts.observers
    const decision = decisionOf({ name, tier, rule, until, isShadow: action === 'shadow' }, (list.clock ?? systemClock).now())
    if (observers.hears) observers.emitDecision(decision, factsOf(host, context, tenant).begin('charge'))
    return action === 'shadow' ? undefined : { decision, action }
  }

  private warn(what: 'check' | 'decided', error: unknown): void {
    const message = `blockList: ${what}() threw, and the request goes on: ${String(error)}`
    this.parts.observers.warn('WARN_OBSERVER_FAILED', message, `blockList.${what}`)
  }
}

const NONE: readonly string[] = Object.freeze([])

interface Blocked {
  readonly name: string
  readonly tier: string | undefined
  readonly rule: string
  readonly until: number
  readonly isShadow: boolean
}

function decisionOf({ name, tier, rule, until, isShadow }: Blocked, now: number): Decision {
  // A block that ends while it is read still refused this request.
  const wait = Math.max(1, Math.ceil(until - now))
  return {
    allowed: isShadow,
    verdict: 'blocked',
    binding: undefined,
    granted: isShadow ? 1 : 0,
    remaining: 0,
    retryAfter: wait,
    resetAfter: wait,
    resetAt: until,
    delay: 0,
    policy: name,
    tier,
    mode: isShadow ? 'shadow' : 'enforce',
    source: 'block',
    charges: [],
    outcomes: [],
    rule,
  }
}

/** Who the client of a request is, if a limit has a key that the application has verified, and the request its value. */
export function identityOf<C>({ limits }: LimitSet, subject: Subject<string>, key: KeyOf<C> | undefined): string | undefined {
  for (let i = 0; i < limits.length; i++) {
    const scoped = limits[i] as LimitSet['limits'][number]
    const identity = identityIn(scoped.key ?? key, subjectOf(scoped.limit.name, subject))
    if (identity !== undefined) return identity
  }
  return undefined
}

/** The different subjects of a request, and who its client is. Those that a pipeline reads are texts. */
function subjectsOf(subject: Subject<string> | undefined, identity: string | undefined): readonly string[] | string {
  if (subject === undefined) return NONE
  if (typeof subject === 'string') return identity === undefined || identity === subject ? subject : [subject, identity]
  const byLimit = subject as Readonly<Record<string, string>>
  const all: string[] = []
  // Not by a Set, which takes most of the time of a check.
  for (const name in byLimit) {
    const text = byLimit[name] as string
    if (!all.includes(text)) all.push(text)
  }
  if (identity !== undefined && !all.includes(identity)) all.push(identity)
  return all
}

/** Where no route is known, the path, so that requests of one client can be distinguished. */
function endpointOf<C>(host: Host<C>, context: C, route: string | undefined): string | undefined {
  if (route !== undefined && route !== '*') return route
  const target = host.target?.(context)
  const query = target?.indexOf('?') ?? -1
  return query < 0 ? target : target?.slice(0, query)
}
