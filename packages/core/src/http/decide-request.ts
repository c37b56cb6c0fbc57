import type { Decision } from '../decision.ts'
import { type Facts, factsOf } from '../decision-facts.ts'
import type { CallOptions, Cost } from '../limiter.ts'
import { readNumbers } from '../numbers/sets.ts'
import type { LimitSet } from '../policy.ts'
import { chain, isPromise, type MaybePromise } from '../runtime.ts'
import { type BlockedRequest, type BlockGate, type CheckedRequest, identityOf } from './block-gate.ts'
import { identityIn } from '../identity/verified.ts'
import { type HeaderLine, itemsOf } from './headers/headers.ts'
import { type HttpOutcome, SKIPPED } from './outcome.ts'
import type { PipelineConfig } from './pipeline-config.ts'
import type { RateLimitOptions } from './options.ts'
import { missingRefusal, refusal } from './refusal.ts'
import { validCost, validTier } from './request-values.ts'
import { headersFor } from './response-headers.ts'
import { settlementOf } from './settlement.ts'
import { isSkipped } from './skip.ts'
import type { FoundSubjects, Subjects } from './subjects.ts'

type Outcome<R> = MaybePromise<HttpOutcome<R>>

/** What a request is charged for, and what the block list was asked. */
interface Chargeable extends FoundSubjects {
  /** `undefined` without a block list. */
  readonly checked?: CheckedRequest | undefined
}

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
  if (config.age !== undefined) config.age.decides()
  const skipped = isSkipped(config, context)
  return isPromise(skipped) ? later(skipped, unlessSkipped, config, context) : unlessSkipped(config, context, skipped)
}

function unlessSkipped<C, R>(config: PipelineConfig<C, R>, context: C, skipped: boolean): Outcome<R> {
  return skipped ? SKIPPED : selectLimits(config, context)
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
  if (set.limits.length === 0 && config.engine !== undefined) {
    const checked = config.blocks?.check(context, undefined, undefined, set.tier)
    if (checked?.blocked !== undefined) return refuseBlocked(config, context, checked.blocked)
    return decide(config, context, { set, subject: 'unlimited', checked }, undefined)
  }
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

/** 3. The block list, the cost of the request, and the decision of the store. */
function charge<C, R>(config: PipelineConfig<C, R>, context: C, subjects: Subjects): Outcome<R> {
  const { blocks, cost } = config
  const checked = blocks && checkedBy(config, blocks, context, subjects)
  if (checked?.blocked !== undefined) return refuseBlocked(config, context, checked.blocked)
  if ('action' in subjects) {
    return subjects.action === 'skip' ? SKIPPED : { pass: false, ...missingRefusal(subjects), decision: undefined }
  }
  const found = checked === undefined ? subjects : { set: subjects.set, subject: subjects.subject, checked }
  if (cost === undefined) return decide(config, context, found, undefined)
  const value = cost(context)
  return isPromise(value) ? decideLater(config, context, found, value) : decideFor(config, context, found, value)
}

function checkedBy<C, R>(config: PipelineConfig<C, R>, blocks: BlockGate<C>, context: C, subjects: Subjects): CheckedRequest {
  if ('action' in subjects) return blocks.check(context, undefined)
  const { set, subject } = subjects
  return blocks.check(context, subject, identityOfRequest(config, subjects), set.tier)
}

function decideLater<C, R>(config: PipelineConfig<C, R>, context: C, found: Chargeable, cost: Promise<Cost<string>>): Outcome<R> {
  return cost.then((value) => decideFor(config, context, found, value))
}

function decideFor<C, R>(config: PipelineConfig<C, R>, context: C, found: Chargeable, cost: Cost<string>): Outcome<R> {
  return decide(config, context, found, validCost(cost, config.names, 'cost', config.observers))
}

function decide<C, R>(config: PipelineConfig<C, R>, context: C, found: Chargeable, cost: Cost<string> | undefined): Outcome<R> {
  const { engine, blocks } = config
  if (blocks?.hears === true) return decideForBlocks(config, context, found, cost)
  const facts = engine?.observers.hears === true ? factsOf(config.host, context) : undefined
  const decision = consume(config, found, cost, facts)
  return isPromise(decision) ? later(decision, writeHeaders, config, context) : writeHeaders(config, context, decision)
}

function consume<C, R>(
  { engine, limiter }: PipelineConfig<C, R>,
  { set, subject }: FoundSubjects,
  cost: Cost<string> | undefined,
  facts: Facts | undefined,
): MaybePromise<Decision> {
  if (engine !== undefined) return engine.decide(set, subject, cost, 'charge', undefined, facts)
  facts?.begin('charge')
  return limiter.consume(subject, { cost, tier: set.tier })
}

/** As `decide`, for a block list that gets the decision. */
function decideForBlocks<C, R>(config: PipelineConfig<C, R>, context: C, found: Chargeable, cost: Cost<string> | undefined): Outcome<R> {
  const facts = factsOf(config.host, context)
  const decision = consume(config, found, cost, facts)
  return isPromise(decision) ? passOnLater(config, context, found, decision, facts) : passOn(config, context, found, decision, facts)
}

function passOnLater<C, R>(
  config: PipelineConfig<C, R>,
  context: C,
  found: Chargeable,
  decision: Promise<Decision>,
  facts: Facts,
): Outcome<R> {
  return decision.then((decided) => passOn(config, context, found, decided, facts))
}

function passOn<C, R>(config: PipelineConfig<C, R>, context: C, found: Chargeable, decision: Decision, facts: Facts): Outcome<R> {
  if (config.engine === undefined) facts.end()
  if (found.checked !== undefined) config.blocks?.decided(context, decision, facts, found.checked)
  return writeHeaders(config, context, decision)
}

/** A limiter that an application wrapped has limits that are not known here, and one subject. */
function identityOfRequest<C, R>({ engine, options }: PipelineConfig<C, R>, { set, subject }: FoundSubjects): string | undefined {
  return engine === undefined ? identityIn(options.key, subject as string) : identityOf(set, subject, options.key)
}

function refuseBlocked<C, R>({ blocks }: PipelineConfig<C, R>, context: C, blocked: BlockedRequest): Outcome<R> {
  return (blocks as BlockGate<C>).refuse(context, blocked)
}

/** 4. The headers of the response. */
function writeHeaders<C, R>(config: PipelineConfig<C, R>, context: C, decision: Decision): Outcome<R> {
  const headers = headersFor(config, context, decision)
  return isPromise(headers) ? writeLater(config, context, decision, headers) : outcome(config, context, decision, headers)
}

function writeLater<C, R>(
  config: PipelineConfig<C, R>,
  context: C,
  decision: Decision,
  headers: Promise<readonly HeaderLine[]>,
): Promise<HttpOutcome<R>> {
  return headers.then((lines) => outcome(config, context, decision, lines))
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

const NO_LIMITS: LimitSet = Object.freeze({ tier: undefined, limits: [] })
