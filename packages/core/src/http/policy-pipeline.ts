import { invalid, show } from '../errors.ts'
import type { Decision } from '../decision.ts'
import type { Cost } from '../limiter.ts'
import { ObserverHub } from '../observers.ts'
import { chain, isPromise, type MaybePromise } from '../runtime.ts'
import { MAX_CHECKED } from '../identity/client.ts'
import { forwardingHeaders, isForwarded } from '../identity/forwarding.ts'
import { BlockGate } from './block-gate.ts'
import { type ClientReading, clientReading } from './client-reading.ts'
import { checkDialect, type HeaderLine, itemsOf } from './headers/headers.ts'
import { partitionKeysBy } from './headers/partition-keys.ts'
import type { Host } from './host.ts'
import type { RateLimitOptions, SettleInfo } from './options.ts'
import { type HttpOutcome, SKIPPED } from './outcome.ts'
import type { RequestConfig } from './pipeline-config.ts'
import { missingRefusal, refusal } from './refusal.ts'
import type { RequestLimiter } from './request-limiter.ts'
import type { DecidedAnswer, PolicyAnswer, PolicyMount, PolicyView, MountablePolicies, Units } from './policy-contract.ts'
import { validCost } from './request-values.ts'
import { responseHeader } from './response-header.ts'
import { headersFor, noteShadows } from './response-headers.ts'
import { type Done, settlementOf, type Settling } from './settlement.ts'
import { isSkipped } from './skip.ts'

interface PolicyConfig<C, R> extends RequestConfig<C, R> {
  readonly mount: PolicyMount<C>
}

/** What decides the requests of a `rateLimit` whose limits are policies. */
export interface PolicyPipeline<C, R> {
  decide(this: void, context: C): MaybePromise<HttpOutcome<R>>
  readonly limiter: RequestLimiter<C>
  readonly observers: ObserverHub
}

/** Policies choose the limits of a request; all else is as in any pipeline. */
export function policyPipeline<C, R>(host: Host<C>, options: RateLimitOptions<C, R>, policies: MountablePolicies): PolicyPipeline<C, R> {
  const observers = new ObserverHub(policies.name, policies.on, options.strict)
  const reading = clientReading(host, options, observers)
  const mount = policies.mount(viewOf(host, options, reading, observers))
  const { skip, cost, partitionKey, blockList: list } = options
  const { wholeAddress } = reading
  const { name } = policies
  const dialect = checkDialect(options)
  const config: PolicyConfig<C, R> = {
    host,
    options,
    mount,
    skip: typeof skip === 'object' ? (context) => skip.matches(wholeAddress(context)) : skip,
    cost,
    limiter: mount.engine,
    observers,
    // Another revision may name other limits.
    names: new Set(),
    shorthand: false,
    dialect,
    partitionKeys: partitionKey && partitionKeysBy(partitionKey.secret),
    blocks: list && new BlockGate({ ...reading, host, list, name, engine: mount.engine, observers, dialect }, options),
  }
  return { decide: (context) => decideByPolicies(config, context), limiter: mount.limiter, observers }
}

// As in decide-request.ts: each step calls the next one, at once or when a promise resolves, and none contains a closure that each request
// would make.

type Outcome<R> = MaybePromise<HttpOutcome<R>>

function decideByPolicies<C, R>(config: PolicyConfig<C, R>, context: C): Outcome<R> {
  const skipped = isSkipped(config, context)
  return isPromise(skipped) ? later(skipped, unlessSkipped, config, context) : unlessSkipped(config, context, skipped)
}

function later<C, R, V>(
  value: Promise<V>,
  step: (config: PolicyConfig<C, R>, context: C, value: V) => Outcome<R>,
  config: PolicyConfig<C, R>,
  context: C,
): Promise<HttpOutcome<R>> {
  return value.then((resolved) => step(config, context, resolved))
}

function unlessSkipped<C, R>(config: PolicyConfig<C, R>, context: C, skipped: boolean): Outcome<R> {
  if (skipped) return SKIPPED
  const { cost } = config
  if (cost === undefined) return ask(config, context, undefined)
  const units = cost(context)
  return isPromise(units) ? later(units, askFor, config, context) : askFor(config, context, units)
}

function askFor<C, R>(config: PolicyConfig<C, R>, context: C, units: Cost<string>): Outcome<R> {
  return ask(config, context, validCost(units, config.names, 'cost', config.observers))
}

function ask<C, R>(config: PolicyConfig<C, R>, context: C, cost: Cost<string> | undefined): Outcome<R> {
  const answer = config.mount.decide(context, cost, config.blocks)
  return isPromise(answer) ? later(answer, outcomeOf, config, context) : outcomeOf(config, context, answer)
}

function outcomeOf<C, R>(config: PolicyConfig<C, R>, context: C, answer: PolicyAnswer): Outcome<R> {
  const { blocked, missing, decided, background } = answer
  if (blocked !== undefined) return (config.blocks as BlockGate<C>).refuse(context, blocked)
  if (missing !== undefined) return { pass: false, ...missingRefusal(missing), decision: undefined }
  if (decided !== undefined) {
    const headers = headersFor(config, context, decided.decision)
    return isPromise(headers)
      ? outcomeLater(config, context, decided, background, headers)
      : outcomeWith(config, context, decided, background, headers)
  }
  if (background === undefined) return SKIPPED
  noteShadows(config, context)
  return { pass: true, headers: [], decision: undefined, delay: 0, done: () => background }
}

function outcomeLater<C, R>(
  config: PolicyConfig<C, R>,
  context: C,
  decided: DecidedAnswer,
  background: Promise<void> | undefined,
  headers: Promise<readonly HeaderLine[]>,
): Promise<HttpOutcome<R>> {
  return headers.then((lines) => outcomeWith(config, context, decided, background, lines))
}

function outcomeWith<C, R>(
  config: PolicyConfig<C, R>,
  context: C,
  decided: DecidedAnswer,
  background: Promise<void> | undefined,
  headers: readonly HeaderLine[],
): Outcome<R> {
  const { decision } = decided
  if (!decision.allowed) return refuse(config, context, decided, headers)
  const settlement = doneOf(config, context, decided)
  const done = background === undefined ? settlement : afterBoth(settlement, background)
  return { pass: true, headers, decision, delay: decision.delay, done }
}

function refuse<C, R>(
  config: PolicyConfig<C, R>,
  context: C,
  { decision, status }: DecidedAnswer,
  headers: readonly HeaderLine[],
): Outcome<R> {
  const options = { ...config.options, statusCode: status } as RateLimitOptions<C, never>
  const response = refusal(decision, context, headers, itemsOf(decision, false).names, options)
  return chain(response, (given): HttpOutcome<R> => ({ pass: false, ...given, decision }))
}

/** An edge runtime may stop after the response, unless `done` has it wait. */
function afterBoth<R>(done: Done<R> | undefined, background: Promise<void>): Done<R> {
  return (status, response) => chain(done?.(status, response), () => background)
}

function doneOf<C, R>(config: PolicyConfig<C, R>, context: C, { decision, settle }: DecidedAnswer): Done<R> | undefined {
  const { host } = config
  const renews = host.ends?.(context) ?? true
  return settlementOf(settle === undefined ? config : settledBy(config, settle), decision, context, renews)
}

/** What settles a request whose charge the document corrects. */
function settledBy<C, R>(config: PolicyConfig<C, R>, settle: NonNullable<DecidedAnswer['settle']>): Settling<C, R> {
  const { host, limiter, names, observers, options } = config
  const settles = settling(settle, options.settle, host.responseHeader ?? responseHeader)
  return { limiter, names, observers, options: { ...options, settle: settles } }
}

/** What the document says of a limit comes before what the option says. */
function settling<C, R>(
  settle: NonNullable<DecidedAnswer['settle']>,
  option: Settle<C, R> | undefined,
  headerOf: typeof responseHeader,
): Settle<C, R> {
  return (context, info) => {
    const { status, response, decision } = info
    const said = settle({ status, header: (name) => headerOf(response, name) })
    if (option === undefined) return said
    return chain(said, (units) => chain(option(context, info), (value) => ({ ...byLimit(value, decision), ...units })))
  }
}

type Settle<C, R> = (context: C, info: SettleInfo<R>) => MaybePromise<Cost<string>>

function byLimit(cost: Cost<string>, { charges }: Decision): Units {
  return typeof cost === 'number' ? Object.fromEntries(charges.map(({ limit }) => [limit.name, cost])) : cost
}

function viewOf<C, R>(
  host: Host<C>,
  { attributes, trustProxy, forwardedHeader }: RateLimitOptions<C, R>,
  { clientHost, wholeAddress, connectionAddress }: ClientReading<C>,
  observers: ObserverHub,
): PolicyView<C> {
  if (host.target === undefined) throw invalid('policies', 'an adapter whose requests have a path', 'one without', 'ERR_OPTION_CONFLICT')
  let unchecked = MAX_CHECKED
  const forwarding = forwardingHeaders(forwardedHeader)
  const valid = (value: unknown): Readonly<Record<string, unknown>> => {
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>
    if (value !== undefined && value !== null)
      observers.warn(
        'WARN_VALUE_IGNORED',
        `attributes of a request are ignored: expected an object or undefined, got ${show(value)}`,
        'attributes',
      )
    return NO_ATTRIBUTES
  }
  return {
    method: (context) => host.method(context),
    target: (context) => host.target?.(context) ?? '/',
    host: (context) => host.header(context, 'host') ?? host.header(context, ':authority') ?? authorityIn(host.target?.(context)),
    address(context) {
      if (unchecked > 0) {
        unchecked -= 1
        // It looks for signs of a proxy that is not configured.
        clientHost.address(context)
      }
      return wholeAddress(context)
    },
    isForwarded(context) {
      if (!isForwarded(host, context, forwarding)) return false
      // An address that the application reads itself, from what its platform says.
      const isOwn = trustProxy === undefined && host.socketAddress === undefined && (host.trust?.(context) ?? 'none') !== 'none'
      return !isOwn && wholeAddress(context) === connectionAddress(context)
    },
    header: (context, name) => host.header(context, name),
    route: (context) => host.route?.(context),
    ...(clientHost.body && { body: (context: C) => clientHost.body?.(context) }),
    attributes: attributes === undefined ? () => NO_ATTRIBUTES : (context) => chain(attributes(context), valid),
  }
}

const NO_ATTRIBUTES = Object.freeze({})

/** The host in the URL of a request of the web. */
function authorityIn(target: string | undefined): string | undefined {
  return target === undefined ? undefined : /^[a-z]+:\/\/([^/?#]*)/i.exec(target)?.[1]
}
