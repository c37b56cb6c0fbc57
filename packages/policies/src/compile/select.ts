import type { Limit, MaybePromise } from '@sluice/core'
import { isPromise, type Missing } from '@sluice/core/adapter-kit'
import type { NumbersSpec } from '../document.ts'
import type { RequestView } from '../request.ts'
import type { Asked } from './asked.ts'
import { endOfTier, endOfZero, merged, type Override, pointOf, type TimedOverride } from './overrides.ts'
import type { CompiledLimit, CompiledPolicy, CompiledRule, Revision } from './revision.ts'

/** One limit of a request, with its numbers and its subject. */
export interface Chosen<C> {
  readonly policy: string
  readonly compiled: CompiledLimit<C>
  /** With the numbers of this request. */
  readonly limit: Limit
  readonly subject: string
  /** For a limit of 0: the instant at which it ends; `undefined` if it does not. */
  readonly endsAt: number | undefined
}

/** What one policy says about a request. */
export interface Choice<C> {
  readonly rule: CompiledRule<C>
  readonly policy: CompiledPolicy<C>
  readonly limits: readonly Chosen<C>[]
}

/** All that a document says about a request. */
export interface Selection<C> {
  readonly isExempt: boolean
  /** The policies that are enforced. Their limits make one decision. */
  readonly enforced: readonly Choice<C>[]
  /** The policies in shadow. Each decides alone. */
  readonly shadows: readonly Choice<C>[]
  /** The subject for whose lack the request is refused. */
  readonly rejected: Missing | undefined
}

const NOTHING = { enforced: [], shadows: [], rejected: undefined } as const
const EXEMPT = Object.freeze({ ...NOTHING, isExempt: true })
const UNLIMITED = Object.freeze({ ...NOTHING, isExempt: false })

type Values = readonly (string | Missing | undefined)[]

/** Finds the limits of a request. It is synchronous unless a subject is read asynchronously. */
export function select<C>(revision: Revision<C>, view: RequestView<C>, asked: Asked<C>): MaybePromise<Selection<C>> {
  const rules = rulesOf(revision, view, asked)
  if (rules === undefined) return EXEMPT
  if (rules.length === 0) return UNLIMITED
  const values = subjectsOf(rules, revision, asked)
  return isPromise(values) ? values.then((read) => selectionOf(rules, read, asked, revision)) : selectionOf(rules, values, asked, revision)
}

/** The first rule of each policy that matches; `undefined` for a request that is exempt. */
function rulesOf<C>(revision: Revision<C>, view: RequestView<C>, asked: Asked<C>): readonly CompiledRule<C>[] | undefined {
  const { context, now } = asked
  const rules: CompiledRule<C>[] = []
  let last: CompiledPolicy<C> | undefined
  for (const { condition, rule } of revision.rules.find(view.target(context), asked.attributes)) {
    if (rule === undefined) {
      if (condition(context, asked)) return undefined
      continue
    }
    const { policy } = rule
    // The rules of a policy are neighbours.
    if (policy === last || policy.mode === 'off') continue
    if (policy.schedule?.isActive(now) === false || rule.schedule?.isActive(now) === false) continue
    if (!condition(context, asked)) continue
    rules.push(rule)
    last = policy
  }
  return rules
}

/** The values of the subjects that these rules may need, by their index. */
function subjectsOf<C>(rules: readonly CompiledRule<C>[], revision: Revision<C>, asked: Asked<C>): MaybePromise<Values> {
  const values: MaybePromise<string | Missing | undefined>[] = []
  let isAsync = false
  try {
    for (const { subjects } of rules) {
      for (const index of subjects) {
        if (values[index] !== undefined) continue
        const value = revision.subjects[index]?.(asked)
        isAsync ||= isPromise(value)
        values[index] = value
      }
    }
  } catch (error) {
    // Nobody waits for these, and a rejection that nobody handles ends a Node process.
    for (const value of values) if (isPromise(value)) value.then(undefined, nothing)
    throw error
  }
  return isAsync ? Promise.all(values) : (values as Values)
}

function nothing(): undefined {
  return undefined
}

function selectionOf<C>(rules: readonly CompiledRule<C>[], values: Values, asked: Asked<C>, revision: Revision<C>): Selection<C> {
  const enforced: Choice<C>[] = []
  const shadows: Choice<C>[] = []
  let rejected: Missing | undefined
  for (const rule of rules) {
    const { policy } = rule
    const override = overrideOf(policy, values, asked.now)
    if (override?.exempt === true) continue
    const isEnforced = policy.mode === 'enforce' && isRolledOut(policy, values)
    const choice = limitsOf(rule, override, values, asked, revision)
    // A policy in shadow refuses nothing, also no request without a subject.
    if (isMissing(choice)) {
      if (isEnforced) rejected ??= choice
    } else if (choice.length > 0) (isEnforced ? enforced : shadows).push({ rule, policy, limits: choice })
  }
  return { isExempt: false, enforced, shadows, rejected }
}

function overrideOf<C>(policy: CompiledPolicy<C>, values: Values, now: number): Override | undefined {
  if (policy.overrides.length === 0) return undefined
  const byRank: TimedOverride[][] = []
  for (const { subject, of } of policy.overrides) {
    const value = plainValue(values[subject])
    if (value !== undefined) of.collect(value, now, byRank)
  }
  return merged(byRank)
}

/** The value as the request has it. `undefined` for the address that stands for a missing value: core marks it with `~`. */
function plainValue(value: string | Missing | undefined): string | undefined {
  if (typeof value !== 'string' || !value.startsWith('~')) return typeof value === 'string' ? value : undefined
  return value.startsWith('~~') ? value.slice(1) : undefined
}

function isRolledOut<C>({ rollout }: CompiledPolicy<C>, values: Values): boolean {
  if (rollout === undefined) return true
  // Who has no such value is in shadow.
  const value = plainValue(values[rollout.subject])
  return value !== undefined && pointOf(rollout.salt, value) < rollout.percent
}

/** The limits of a rule for a request; what is missing for them, if the request is refused for it. */
function limitsOf<C>(
  rule: CompiledRule<C>,
  override: Override | undefined,
  values: Values,
  { tier, client, now }: Asked<C>,
  revision: Revision<C>,
): readonly Chosen<C>[] | Missing {
  const { tiers } = rule
  const fallback = revision.tier?.default ?? ''
  const list = tiers === undefined ? rule.limits : (tiers.get(override?.tier ?? tier ?? fallback) ?? tiers.get(fallback) ?? [])
  const isTierOverridden = override?.tier !== undefined && tiers?.has(override.tier) === true
  const chosen: Chosen<C>[] = []
  for (const compiled of list) {
    const subject = values[compiled.subject]
    if (typeof subject !== 'string') {
      if (subject?.action === 'reject') return subject
      continue
    }
    const name = compiled.spec.name
    const own = override?.limits !== undefined && Object.hasOwn(override.limits, name) ? override.limits[name] : undefined
    // The table of clients has no prototype to find names in.
    const row = client !== undefined && compiled.isOfClient ? client.limits[compiled.rule.limit.name] : undefined
    const limit = own !== undefined ? compiled.amended(own) : row !== undefined ? compiled.ofClient(row) : compiled.rule.limit
    const endsAt = limit.limit === 0 ? endOf(rule, now, untilOf(compiled, own, override, isTierOverridden)) : undefined
    chosen.push({ policy: rule.policy.name, compiled, limit, subject, endsAt })
  }
  return chosen
}

/** The instant at which overrides stop giving a limit of 0; `Infinity` if they do not give it, or do not end. */
function untilOf<C>(
  { spec, rule }: CompiledLimit<C>,
  own: NumbersSpec | undefined,
  override: Override | undefined,
  isTierOverridden: boolean,
): number {
  if (override === undefined) return Infinity
  const isInList = rule.limit.limit === 0
  const ofNumber = own?.limit === 0 ? endOfZero(override, spec.name) : -Infinity
  if (!isInList && ofNumber > -Infinity) return ofNumber
  return Math.max(ofNumber, isInList && isTierOverridden ? endOfTier(override) : Infinity)
}

/** @param until the instant at which the overrides end that give the 0; `Infinity` if none do */
function endOf<C>({ schedule, policy }: CompiledRule<C>, now: number, until: number): number | undefined {
  const end = Math.min(schedule?.endsAt(now) ?? Infinity, policy.schedule?.endsAt(now) ?? Infinity, until)
  return end === Infinity ? undefined : end
}

function isMissing(value: readonly unknown[] | Missing): value is Missing {
  return 'action' in value
}
