import { invalid, show } from '../errors.ts'
import type { Decision } from '../decision.ts'
import type { Cost } from '../limiter.ts'
import { ObserverHub } from '../observers.ts'
import { chain, isPromise, type MaybePromise } from '../runtime.ts'
import { MAX_CHECKED } from '../identity/client.ts'
import { type ClientReading, clientReading } from './client-reading.ts'
import { checkDialect, itemsOf } from './headers/headers.ts'
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
import { headersFor } from './response-headers.ts'
import { type Done, settlementOf } from './settlement.ts'
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
  const { skip, cost, partitionKey } = options
  const config: PolicyConfig<C, R> = {
    host,
    options,
    mount,
    skip: typeof skip === 'object' ? (context) => skip.matches(reading.wholeAddress(context)) : skip,
    cost,
    limiter: mount.engine,
    observers,
    // Another revision may name other limits.
    names: new Set(),
    shorthand: false,
    dialect: checkDialect(options),
    partitionKeys: partitionKey && partitionKeysBy(partitionKey.secret),
  }
  return { decide: (context) => decideByPolicies(config, context), limiter: mount.limiter, observers }
}

function decideByPolicies<C, R>(config: PolicyConfig<C, R>, context: C): MaybePromise<HttpOutcome<R>> {
  return chain(isSkipped(config, context), (skipped) => {
    if (skipped) return SKIPPED
    const { mount, cost, names, observers } = config
    const units = cost === undefined ? undefined : chain(cost(context), (value) => validCost(value, names, 'cost', observers))
    const answer = isPromise(units) ? units.then((late) => mount.decide(context, late)) : mount.decide(context, units)
    return chain(answer, (decided) => outcomeOf(config, context, decided))
  })
}

function outcomeOf<C, R>(config: PolicyConfig<C, R>, context: C, answer: PolicyAnswer): MaybePromise<HttpOutcome<R>> {
  const { missing, decided, background } = answer
  if (missing !== undefined) return { pass: false, ...missingRefusal(missing), decision: undefined }
  if (decided === undefined)
    return background === undefined ? SKIPPED : { pass: true, headers: [], decision: undefined, delay: 0, done: () => background }
  const { decision } = decided
  return chain(headersFor(config, context, decision), (headers): MaybePromise<HttpOutcome<R>> => {
    if (decision.allowed) {
      const done = afterBoth(doneOf(config, context, decided), background)
      return { pass: true, headers, decision, delay: decision.delay, done }
    }
    const options = { ...config.options, statusCode: decided.status } as RateLimitOptions<C, never>
    const response = refusal(decision, context, headers, itemsOf(decision, false).names, options)
    return chain(response, (given) => ({ pass: false, ...given, decision }))
  })
}

/** An edge runtime may stop after the response, unless `done` has it wait. */
function afterBoth<R>(done: Done<R> | undefined, background: Promise<void> | undefined): Done<R> | undefined {
  if (background === undefined) return done
  return (status, response) => chain(done?.(status, response), () => background)
}

function doneOf<C, R>(config: PolicyConfig<C, R>, context: C, { decision, settle }: DecidedAnswer): Done<R> | undefined {
  const { host, limiter, names, observers, options } = config
  const option: Settle<C, R> | undefined = options.settle
  const settles = settle === undefined ? option : settling(settle, option, host.responseHeader ?? responseHeader)
  const settlement = { limiter, names, observers, options: { ...options, settle: settles } }
  return settlementOf(settlement, decision, context, host.ends?.(context) ?? true)
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
  const forwarding = [...new Set(['x-forwarded-for', 'forwarded', forwardedHeader?.toLowerCase() ?? 'forwarded'])]
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
      if (!forwarding.some((name) => host.header(context, name))) return false
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
