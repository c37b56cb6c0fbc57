import type { Decision } from '../decision.ts'
import type { CallOptions, Cost } from '../limiter.ts'
import type { LimiterEngine } from '../limiter-engine.ts'
import { readNumbers } from '../numbers/sets.ts'
import type { LimitSet } from '../policy.ts'
import { chain, isPromise, type MaybePromise } from '../runtime.ts'
import { type Dialect, type HeaderEntry, type HeaderLine, itemsOf, renderHeaders } from './headers/headers.ts'
import type { PartitionKeys } from './headers/partition-keys.ts'
import type { Host } from './host.ts'
import type { Age } from './made-per-request.ts'
import type { RateLimitOptions } from './options.ts'
import type { HttpOutcome } from './outcome.ts'
import { missingRefusal, refusal } from './refusal.ts'
import { isTrue, validCost, validTier } from './request-values.ts'
import { settlementOf, type Settling } from './settlement.ts'
import type { Subjects } from './subjects.ts'

/** All that the steps need, made once per pipeline. */
export interface PipelineConfig<C, R> extends Settling<C, R> {
  readonly host: Host<C>
  // Copies of the options that every request needs: `options` has a different shape in each pipeline, so it is slower to read.
  readonly skip: ((context: C) => MaybePromise<boolean>) | undefined
  readonly tier: RateLimitOptions<C, R>['tier']
  readonly cost: RateLimitOptions<C, R>['cost']
  /** `undefined` for a limiter that an application wrapped: it has one subject, and selects its limits itself. */
  readonly engine: LimiterEngine | undefined
  /** Whether functions give each request its own numbers. */
  readonly readsNumbers: boolean
  readonly readSubjects: (context: C, set: LimitSet) => MaybePromise<Subjects>
  readonly dialect: Dialect
  /** The policy is `{ limit, window }`: headers give its only limit the name of the policy. */
  readonly shorthand: boolean
  readonly partitionKeys: PartitionKeys | undefined
  /** `undefined` for a limiter that was given, and for an extension. */
  readonly age: Age | undefined
  /** False: no response of this pipeline has to be followed. */
  readonly mayFollow: boolean
}

type Outcome<R> = MaybePromise<HttpOutcome<R>>

// A request passes five steps: selectLimits, readSubjects, charge, writeHeaders, outcome. Each step calls the next one: at once, or
// `later`, when a promise resolves. So a request is decided synchronously where nothing is asynchronous. Separate functions make the
// closures of promises: a function that contains a closure allocates memory for it at every call.

function later<C, R, V>(
  value: Promise<V>,
  step: (config: PipelineConfig<C, R>, context: C, value: V) => Outcome<R>,
  config: PipelineConfig<C, R>,
  context: C,
): Promise<HttpOutcome<R>> {
  return value.then((resolved) => step(config, context, resolved))
}

/** Decides one request. Throws, or rejects, only where the request could not be decided. */
export function decideRequest<C, R>(config: PipelineConfig<C, R>, context: C): Outcome<R> {
  const { host, skip, age } = config
  if (age !== undefined) age.decides()
  if (hasDecided(config, context)) return SKIPPED
  if (host.method(context) === 'OPTIONS' && host.header(context, 'access-control-request-method')) return SKIPPED
  if (skip === undefined) return selectLimits(config, context)
  const skipped = skip(context)
  return isPromise(skipped) ? later(skipped, unlessSkipped, config, context) : unlessSkipped(config, context, skipped)
}

function unlessSkipped<C, R>(config: PipelineConfig<C, R>, context: C, skipped: boolean): Outcome<R> {
  return skipped !== false && isTrue(skipped, 'skip', config.observers) ? SKIPPED : selectLimits(config, context)
}

/** 1. The tier of the request, and the limits of that tier. */
function selectLimits<C, R>(config: PipelineConfig<C, R>, context: C): Outcome<R> {
  const { tier } = config
  if (tier === undefined) return limitsOfTier(config, context, undefined)
  const value = tier(context)
  return isPromise(value) ? later(value, limitsOfTier, config, context) : limitsOfTier(config, context, value)
}

function limitsOfTier<C, R>(config: PipelineConfig<C, R>, context: C, value: string | undefined): Outcome<R> {
  const { engine, readsNumbers, observers } = config
  const tier = value === undefined ? undefined : validTier(value, observers)
  if (engine === undefined) return readSubjects(config, context, tier === undefined ? NO_LIMITS : { ...NO_LIMITS, tier })
  if (!readsNumbers) return readSubjects(config, context, engine.limitsOf(tier))
  const set = readNumbers(engine.limitsOf(tier), context, observers)
  return isPromise(set) ? later(set, readSubjects, config, context) : readSubjects(config, context, set)
}

/** 2. Who is limited: a subject for each limit. */
function readSubjects<C, R>(config: PipelineConfig<C, R>, context: C, set: LimitSet): Outcome<R> {
  // A tier without limits is unlimited: it needs neither a subject nor a cost.
  if (set.limits.length === 0 && config.engine !== undefined) return decide(config, context, { set, subject: 'unlimited' }, undefined)
  const subjects = config.readSubjects(context, set)
  return isPromise(subjects) ? later(subjects, charge, config, context) : charge(config, context, subjects)
}

/**
 * The limits and the subjects of a request, as the pipeline reads them; `undefined` if a key is missing. Decides nothing.
 * @param asked another tier than that of the request, and other numbers than its functions return
 */
export function subjectsOfRequest<C, R>(
  config: PipelineConfig<C, R>,
  context: C,
  asked: Pick<CallOptions<string, string>, 'tier' | 'numbers'> | undefined,
): MaybePromise<FoundSubjects | undefined> {
  const { tier, engine, observers, readsNumbers } = config
  const numbers = asked?.numbers
  return chain(asked?.tier ?? tier?.(context), (value) => {
    const named = value === undefined ? undefined : validTier(value, observers)
    const known = engine === undefined ? { ...NO_LIMITS, tier: named } : engine.limitsOf(named)
    const set = readsNumbers || numbers !== undefined ? readNumbers(known, context, observers, numbers) : known
    return chain(set, (limits): MaybePromise<FoundSubjects | undefined> => {
      if (limits.limits.length === 0 && engine !== undefined) return { set: limits, subject: 'unlimited' }
      return chain(config.readSubjects(context, limits), (subjects) => ('action' in subjects ? undefined : subjects))
    })
  })
}

/** 3. The cost of the request, and the decision of the store. */
function charge<C, R>(config: PipelineConfig<C, R>, context: C, subjects: Subjects): Outcome<R> {
  if ('action' in subjects) {
    return subjects.action === 'skip' ? SKIPPED : { pass: false, ...missingRefusal(subjects), decision: undefined }
  }
  const { cost } = config
  if (cost === undefined) return decide(config, context, subjects, undefined)
  const value = cost(context)
  return isPromise(value) ? decideLater(config, context, subjects, value) : decideFor(config, context, subjects, value)
}

export type FoundSubjects = Exclude<Subjects, { action: string }>

function decideLater<C, R>(config: PipelineConfig<C, R>, context: C, subjects: FoundSubjects, cost: Promise<Cost<string>>): Outcome<R> {
  return cost.then((value) => decideFor(config, context, subjects, value))
}

function decideFor<C, R>(config: PipelineConfig<C, R>, context: C, subjects: FoundSubjects, cost: Cost<string>): Outcome<R> {
  return decide(config, context, subjects, validCost(cost, config.names, 'cost', config.observers))
}

function decide<C, R>(
  config: PipelineConfig<C, R>,
  context: C,
  { set, subject }: FoundSubjects,
  cost: Cost<string> | undefined,
): Outcome<R> {
  const { engine, limiter } = config
  const decision = engine === undefined ? limiter.consume(subject, { cost, tier: set.tier }) : engine.decide(set, subject, cost, 'charge')
  return isPromise(decision) ? later(decision, writeHeaders, config, context) : writeHeaders(config, context, decision)
}

/** 4. The headers of the response. */
function writeHeaders<C, R>(config: PipelineConfig<C, R>, context: C, decision: Decision): Outcome<R> {
  if (decision.charges.length === 0) return outcome(config, context, decision, NO_HEADERS)
  if (decision.mode !== 'enforce') {
    entriesOf(config.host.id(context), entryOf(config, context, decision, undefined))
    return outcome(config, context, decision, NO_HEADERS)
  }
  if (config.partitionKeys !== undefined) return writeWithPartitionKeys(config, context, decision, config.partitionKeys)
  return outcome(config, context, decision, headersOf(config, context, entryOf(config, context, decision, undefined)))
}

async function writeWithPartitionKeys<C, R>(
  config: PipelineConfig<C, R>,
  context: C,
  decision: Decision,
  keysOf: PartitionKeys,
): Promise<HttpOutcome<R>> {
  const { observers } = config
  let partitionKeys: HeaderEntry['partitionKeys']
  try {
    partitionKeys = await keysOf(decision)
  } catch (error) {
    // The request is charged already. If a missing header failed it, its concurrency would not be released.
    observers.warn(
      'WARN_VALUE_IGNORED',
      `partitionKey: the headers have no partition key, since it could not be computed: ${String(error)}`,
      'partitionKey',
    )
  }
  return outcome(config, context, decision, headersOf(config, context, entryOf(config, context, decision, partitionKeys)))
}

function entryOf<C, R>(
  { host, limiter, shorthand }: PipelineConfig<C, R>,
  context: C,
  decision: Decision,
  partitionKeys: HeaderEntry['partitionKeys'],
): HeaderEntry {
  return { decision, shorthand, limiter, call: callOf(host, context), partitionKeys }
}

function headersOf<C, R>({ host, dialect }: PipelineConfig<C, R>, context: C, entry: HeaderEntry): readonly HeaderLine[] {
  return renderHeaders(entriesOf(host.id(context), entry), dialect, decidedAt(entry.decision))
}

/** 5. What the adapter applies: the request goes on, or is answered with a refusal. */
function outcome<C, R>(config: PipelineConfig<C, R>, context: C, decision: Decision, headers: readonly HeaderLine[]): Outcome<R> {
  if (!decision.allowed) return refuse(config, context, decision, headers)
  const { host, mayFollow } = config
  const delay = decision.mode === 'enforce' ? decision.delay : 0
  const done = mayFollow ? settlementOf(config, decision, context, host.ends?.(context) ?? true) : undefined
  return { pass: true, headers, decision, delay, done }
}

function refuse<C, R>(config: PipelineConfig<C, R>, context: C, decision: Decision, headers: readonly HeaderLine[]): Outcome<R> {
  const { names } = itemsOf(decision, config.shorthand)
  return chain(refusal(decision, context, headers, names, config.options as RateLimitOptions<C, never>), (response): HttpOutcome<R> => ({
    pass: false,
    ...response,
    decision,
  }))
}

const SKIPPED: HttpOutcome = Object.freeze({ pass: true, headers: [], decision: undefined, delay: 0, done: undefined })
const NO_LIMITS: LimitSet = Object.freeze({ tier: undefined, limits: [] })
const NO_HEADERS: readonly HeaderLine[] = Object.freeze([])

// Registered, so that limiters of two copies of this package write one set of headers.
const ENTRIES = Symbol.for('sluice.entries')

/** Whether this limiter has decided the request, so that one limiter that is mounted twice charges once. */
function hasDecided<C, R>({ host, limiter }: PipelineConfig<C, R>, context: C): boolean {
  const entries = (host.id(context) as { [ENTRIES]?: HeaderEntry[] })[ENTRIES]
  if (entries === undefined) return false
  const call = callOf(host, context)
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i] as HeaderEntry
    if (entry.limiter === limiter && entry.call === call) return true
  }
  return false
}

function callOf<C>(host: Host<C>, context: C): object {
  return host.call === undefined ? host.id(context) : host.call(context)
}

/** The decisions of all limiters of this request so far, this one last. */
function entriesOf(id: object, entry: HeaderEntry): readonly HeaderEntry[] {
  const request = id as { [ENTRIES]?: HeaderEntry[] }
  const entries = request[ENTRIES]
  if (entries === undefined) return (request[ENTRIES] = [entry])
  entries.push(entry)
  return entries
}

/** ms since the epoch, by the clock of the store that decided: only that clock knows when its windows end. */
function decidedAt({ outcomes }: Decision): number {
  for (let i = 0; i < outcomes.length; i++) {
    const each = outcomes[i]
    if (each !== undefined) return each.at / 1000
  }
  return 0
}
