import type { Code } from '../codes.ts'
import { invalid, SluiceError } from '../errors.ts'
import type { KeyOf } from '../identity/part.ts'
import { knownOptions } from '../known-options.ts'
import { innerLimiter, sharedKeysOf } from '../keyed-limiter.ts'
import type { LimitRule } from '../limit.ts'
import { LimiterEngine } from '../limiter-engine.ts'
import type { Limiter } from '../limiter.ts'
import { ObserverHub } from '../observers.ts'
import { changePolicy, definePolicy, type Policy, setsOf } from '../policy.ts'
import type { MaybePromise } from '../runtime.ts'
import { BlockGate } from './block-gate.ts'
import { type ClientReading, clientReading } from './client-reading.ts'
import { decideRequest, subjectsOfRequest } from './decide-request.ts'
import type { PipelineConfig } from './pipeline-config.ts'
import { checkDialect } from './headers/headers.ts'
import { partitionKeysBy } from './headers/partition-keys.ts'
import type { Host } from './host.ts'
import { Age } from './made-per-request.ts'
import { checkOptions, policyOptions, type RateLimitOptions } from './options.ts'
import type { HttpOutcome } from './outcome.ts'
import type { PolicyPipeline } from './policy-pipeline.ts'
import { PipelineLimiter, type RequestLimiter } from './request-limiter.ts'
import { subjectsReader } from './subjects.ts'

/** Decides one request. Throws, or rejects, only where the request could not be decided. */
export type Pipeline<C, R> = ((context: C) => MaybePromise<HttpOutcome<R>>) & {
  /** The limiter, which also takes requests. */
  readonly limiter: RequestLimiter<C>
  /**
   * A pipeline of the same limiter for some of its requests. `change` is called with the limits of each tier, and returns the
   * limits that hold here; all of them make one decision. A limit that stays shares its state with the other pipelines. A limit
   * changed by `amendLimit` with a `scope` has its own state.
   * @throws what `createPipeline` throws; ERR_OPTION_INVALID for a limiter that an application wrapped
   */
  extend(change: (rules: readonly LimitRule<string, C>[]) => readonly LimitRule<string, C>[], options?: Extension<C, R>): Pipeline<C, R>
  /** Reports a likely mistake in the set-up, once for each code: to `on.warning`, or with `strict` by throwing. */
  warn(code: Code, message: string): void
}

/** The options that an extension can change. */
export type Extension<C, R = unknown> = Pick<RateLimitOptions<C, R>, (typeof EXTENDING)[number]>
const EXTENDING = ['key', 'missing', 'skip', 'cost', 'refundWhen', 'settle', 'message', 'statusCode', 'blockedStatus', 'handler'] as const

/**
 * Makes the function that decides a framework's requests. It reads a request through `host`, and returns headers, status and body. It
 * is synchronous unless the store or an option function is not.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT, ERR_NAME_*, ERR_LIMIT_INEXACT
 * @example
 * ```ts
 * import type { IncomingMessage, ServerResponse } from 'node:http'
 * import { createPipeline, expressHost } from '@sluice/core/adapter-kit'
 *
 * const decide = createPipeline<IncomingMessage, ServerResponse>(expressHost, { limit: 100, window: '1m' })
 *
 * export async function limited(req: IncomingMessage, res: ServerResponse, next: () => void): Promise<void> {
 *   const outcome = await decide(req)
 *   for (const [name, value] of outcome.headers) res.setHeader(name, value)
 *   if (outcome.pass) next()
 *   else res.writeHead(outcome.status).end(outcome.body)
 * }
 * ```
 */
export function createPipeline<C, R = unknown, N extends string = string>(
  host: Host<C>,
  named: RateLimitOptions<C, R, N> = {},
): Pipeline<C, R> {
  // The names of limits matter only to the types of a caller.
  const given = named as RateLimitOptions<C, R>
  checkOptions(given)
  // A copy: the application may change its object while requests are in flight.
  const options = withSharedKeys(given)
  if (options.policies !== undefined) return byPolicies(options.policies.pipeline(host as never, options as never) as PolicyPipeline<C, R>)
  const { policy, shorthand } = policyOptions(options as RateLimitOptions<C, never>)
  const limiter = options.limiter === undefined ? engineOf(policy, shorthand, options) : innerLimiter(options.limiter)
  const engine = limiter instanceof LimiterEngine ? limiter : undefined
  // A limiter that was given has its own observers.
  const own = options.limiter === undefined ? engine : undefined
  const observers = own?.observers ?? new ObserverHub(limiter.name, undefined, options.strict)
  const age = own && new Age(own.policy.definition, observers)
  const client = clientReading(host, options, observers)
  return pipelineOf({ host, ...client, limiter, engine, observers, age, keys: new Map() }, options)
}

function byPolicies<C, R>({ decide, limiter, observers }: PolicyPipeline<C, R>): Pipeline<C, R> {
  const extend: Pipeline<C, R>['extend'] = () => {
    throw new SluiceError(
      'ERR_OPTION_CONFLICT',
      'extend: expected a rateLimit whose limits are options, got one with policies; write the limits of a route into the document',
    )
  }
  return Object.assign((context: C) => decide(context), { limiter, extend, warn: warningBy(observers) })
}

function warningBy(observers: ObserverHub): Pipeline<never, never>['warn'] {
  return (code, message) => observers.warnOrThrow(code, message)
}

/** What a pipeline and its extensions share. */
interface PipelineFamily<C> extends ClientReading<C> {
  readonly host: Host<C>
  /** The keys of the limits without their own, by the policy of each pipeline. */
  readonly keys: Map<Policy | undefined, KeyOf<C> | undefined>
  readonly limiter: Limiter
  readonly engine: LimiterEngine | undefined
  readonly observers: ObserverHub
  readonly age: Age | undefined
}

function pipelineOf<C, R>(family: PipelineFamily<C>, options: RateLimitOptions<C, R>): Pipeline<C, R> {
  const { host, clientHost, wholeAddress, keys, limiter, engine, observers, age } = family
  const { skip, tier, cost, key, missing, ipv6Prefix, partitionKey } = options
  keys.set(engine?.policy, key)
  const dialect = checkDialect(options)
  const config: PipelineConfig<C, R> = {
    host,
    options,
    skip: typeof skip === 'object' ? (context) => skip.matches(wholeAddress(context)) : skip,
    tier,
    cost,
    limiter,
    engine,
    observers,
    names: engine?.policy.names ?? new Set(),
    shorthand: engine?.shorthand ?? false,
    readsNumbers: engine?.policy.readsNumbers ?? false,
    readSubjects: subjectsReader(engine?.policy, key, { facts: clientHost, missing, ipv6Prefix }),
    dialect,
    partitionKeys: partitionKey && partitionKeysBy(partitionKey.secret),
    age,
    blocks: options.blockList && new BlockGate({ ...family, list: options.blockList, name: limiter.name, dialect }, options),
    mayFollow: mayFollow(engine?.policy, options),
  }
  const extend: Pipeline<C, R>['extend'] = (change, given = {}) => {
    if (engine === undefined) throw invalid('limiter', 'one made by createLimiter() or rateLimit(), to be extended', limiter)
    knownOptions('extend', given, EXTENDING)
    const extended = { ...options, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) }
    checkOptions(extended)
    const derived = engine.derive(changePolicy(engine.policy, change))
    return pipelineOf<C, R>({ ...family, limiter: derived, engine: derived, age: undefined }, extended)
  }
  const requestLimiter = new PipelineLimiter<C>(limiter, engine, {
    host,
    facts: clientHost,
    missing,
    ipv6Prefix,
    subjectsOf: (context, asked) => subjectsOfRequest(config, context, asked),
    clientAddress: wholeAddress,
    keyOf: (of) => (keys.has(of) ? keys.get(of) : key),
  })
  return Object.assign((context: C) => decideRequest(config, context), { limiter: requestLimiter, extend, warn: warningBy(observers) })
}

/** A copy of the options. A mount of a limiter with a key has that key, unless it is given another. */
function withSharedKeys<C, R>(given: RateLimitOptions<C, R>): RateLimitOptions<C, R> {
  const shared = sharedKeysOf(given.limiter)
  if (shared === undefined) return { ...given }
  const { key = shared.key, ipv6Prefix = shared.ipv6Prefix } = given
  return { ...given, key, ipv6Prefix }
}

function engineOf<C, R>(defined: Parameters<typeof definePolicy>[0], shorthand: boolean, options: RateLimitOptions<C, R>): LimiterEngine {
  const policy = definePolicy(defined)
  return new LimiterEngine(policy, options.store, new ObserverHub(policy.name, options.on, options.strict), shorthand)
}

/** Whether a response may have to be followed to its end. */
function mayFollow<C, R>(policy: Policy | undefined, { refundWhen, settle }: RateLimitOptions<C, R>): boolean {
  const holds = policy === undefined || setsOf(policy).some(({ limits }) => limits.some((limit) => limit.holds))
  return holds || refundWhen !== undefined || settle !== undefined
}
