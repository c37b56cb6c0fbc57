import { algorithmOf } from './algorithms/registry.ts'
import type { Mode } from './decision.ts'
import { checkName } from './define-limit.ts'
import { invalid, quoted, SluiceError } from './errors.ts'
import { checkLabels, withoutShown } from './label.ts'
import type { LimitRule } from './limit.ts'
import type { LimitSet, ScopedLimit } from './limit-set.ts'
import type { ConfiguredLimit } from './observed-limiters.ts'
import { NumberReader } from './numbers/reader.ts'
import { scopeOf, splitScope, stateCollision, stateIdOf, stateNameOf } from './scope.ts'
import type { FailMode } from './store.ts'

export type { LimitSet, ScopedLimit } from './limit-set.ts'

export type Rules<C = any> = readonly LimitRule<string, C>[]

/** What a policy is made from: the part of a limiter's options that defines it. */
export interface PolicyOptions<C = any> {
  /** The name of the policy, and the first part of every scope. Default: `'default'`. */
  readonly name?: string | undefined
  /** The limits of requests without a tier, or with an unknown one. Default: the limits of the first tier. */
  readonly limits?: Rules<C> | undefined
  /** The limits of each tier. Default: no tiers. */
  readonly tiers?: Readonly<Record<string, Rules<C>>> | undefined
  /** Default: `'enforce'`. */
  readonly mode?: Mode | undefined
  /** What decides while the store is unreachable. Default: as the store is configured. */
  readonly failMode?: FailMode | undefined
}

/** Limits, tiers, mode and failure mode under one name: checked once, then frozen. */
export interface Policy {
  readonly name: string
  readonly mode: Mode
  readonly failMode: FailMode | undefined
  /** The limits of requests without a tier, or with an unknown one. `undefined`: the first tier serves them. */
  readonly base: LimitSet | undefined
  readonly tiers: ReadonlyMap<string, LimitSet>
  /** The names of all limits, of every tier. */
  readonly names: ReadonlySet<string>
  /** Whether a limit has functions for its numbers. */
  readonly readsNumbers: boolean
  /** Its limits for observers, where they are not those of `base` and `tiers`. */
  configured?(): readonly ConfiguredLimit[]
  /** The policy as text. Two policies with the same text are the same definition. */
  readonly definition: string
}

const MODES = ['enforce', 'shadow', 'off'] as const
const FAIL_MODES = ['local', 'open', 'closed'] as const

/** A store may keep the states of one policy and subject in one value, which has room for so many. */
const MAX_LIMITS = 32

/** Refuses a definition that limits nothing. An extension may: `changePolicy` can remove all limits. @throws ERR_OPTION_INVALID */
export function checkLimited({ limits, tiers }: PolicyOptions): void {
  if (Array.isArray(limits) && limits.length === 0 && tiers === undefined)
    throw invalid('limits', "at least one limit; to limit nothing, use mode: 'off', or beside tiers an empty list", limits)
}

/** @throws ERR_OPTION_INVALID, ERR_NAME_INVALID, ERR_NAME_DUPLICATE, ERR_NAME_COLLISION */
export function definePolicy(options: PolicyOptions): Policy {
  const { name = 'default', limits, tiers, mode = 'enforce', failMode } = options
  checkName(name, 'name')
  if (!MODES.includes(mode)) throw invalid('mode', "'enforce', 'shadow' or 'off'", mode)
  if (failMode !== undefined && !FAIL_MODES.includes(failMode)) throw invalid('failMode', "'local', 'open' or 'closed'", failMode)
  if (limits === undefined && tiers === undefined) throw invalid(`limiter "${name}"`, 'limits or tiers', undefined)
  // A shadow policy has its own state, so that a trial does not spend the quota that is enforced.
  const scope = mode === 'shadow' ? `~${name}` : name
  const base = limits === undefined ? undefined : limitSet(limits, undefined, { name, scope })
  const sets = new Map(tierEntries(tiers).map(([tier, rules]) => [tier, limitSet(rules, tier, { name, scope })]))
  const all = setsOf({ base, tiers: sets })
  checkStateIds(all)
  const dataOf = ({ limit, scope, rule }: ScopedLimit) => [limit, scope, ...Object.keys(rule.numbers?.functions ?? {})]
  const data = { mode, failMode, sets: all.map((set) => [set.tier ?? null, set.limits.map(dataOf)]) }
  return Object.freeze({
    name,
    mode,
    failMode,
    base,
    tiers: sets,
    names: new Set(all.flatMap((set) => set.limits.map(({ limit }) => limit.name))),
    readsNumbers: all.some((set) => set.limits.some(({ reader }) => reader !== undefined)),
    definition: JSON.stringify(data, withoutShown),
  })
}

/** The same policy with `change` applied to each of its sets of limits. */
export function changePolicy({ name, mode, failMode, base, tiers }: Policy, change: (rules: Rules) => Rules): Policy {
  const changed = (set: LimitSet) => change(set.limits.map(({ rule }) => rule))
  const sets = tiers.size === 0 ? undefined : Object.fromEntries([...tiers].map(([tier, set]) => [tier, changed(set)]))
  return definePolicy({ name, mode, failMode, limits: base && changed(base), tiers: sets })
}

/** A policy without limits beside its tiers has at least one tier. */
export function firstTierOf(tiers: Policy['tiers']): LimitSet {
  return tiers.values().next().value as LimitSet
}

/** Every set of limits: the one beside the tiers, and one for each tier. */
export function setsOf({ base, tiers }: Pick<Policy, 'base' | 'tiers'>): readonly LimitSet[] {
  return [...(base === undefined ? [] : [base]), ...tiers.values()]
}

function tierEntries(tiers: PolicyOptions['tiers']): readonly (readonly [string, Rules])[] {
  if (tiers === undefined) return []
  if (typeof tiers !== 'object' || tiers === null || Array.isArray(tiers))
    throw invalid('tiers', 'an object of lists of limits by tier', tiers)
  const entries = Object.entries(tiers)
  if (entries.length === 0) throw invalid('tiers', 'at least one tier', 'none')
  return entries
}

/** A tier as it appears in a message. Its name can be any text, so one that is no plain word is quoted, and cut to a short length. */
function tierPath(tier: string): string {
  return /^[\w-]{1,64}$/.test(tier) ? `tiers.${tier}` : `tiers[${quoted(tier)}]`
}

function limitSet(rules: Rules, tier: string | undefined, policy: { readonly name: string; readonly scope: string }): LimitSet {
  const what = tier === undefined ? 'limits' : tierPath(tier)
  if (!Array.isArray(rules)) throw invalid(what, 'a list of limits, such as [slidingWindow({ … })]', rules)
  if (rules.length > MAX_LIMITS) throw invalid(what, `at most ${MAX_LIMITS} limits`, rules.length)
  const seen = new Set<string>()
  // Not map(), which leaves out the holes of a list.
  const limits = Array.from(rules, (rule: LimitRule, i) => {
    const limit = rule?.limit
    if (typeof limit !== 'object' || limit === null || algorithmOf(limit) === undefined) {
      throw invalid(`${what}[${i}]`, 'a limit made by a factory such as slidingWindow() or tokenBucket()', rule)
    }
    const name = limit.name.toLowerCase()
    if (seen.has(name))
      throw new SluiceError(
        'ERR_NAME_DUPLICATE',
        `${what}: expected a different name for each limit, ignoring case, got "${limit.name}" twice`,
      )
    seen.add(name)
    const scope = scopeOf(policy.scope, rule.scope, limit)
    const fixed: ScopedLimit = { rule, limit, scope, key: rule.key, holds: algorithmOf(limit).holds, reader: undefined }
    return Object.freeze({ ...fixed, reader: rule.numbers && new NumberReader(fixed, rule.numbers) })
  })
  checkLabels(
    limits.map(({ limit }) => limit),
    policy.name,
    what,
  )
  // The list is not frozen: V8 does not inline methods of frozen arrays, and every request calls some.
  return Object.freeze({ tier, limits })
}

/** @throws ERR_NAME_COLLISION if a store could not tell two states of one policy and subject apart */
function checkStateIds(sets: readonly LimitSet[]): void {
  const names = new Map<string, string>()
  for (const scoped of sets.flatMap(({ limits }) => limits)) {
    const name = stateNameOf(scoped)
    const id = `${splitScope(scoped.scope).policy} ${stateIdOf(name)}`
    const other = names.get(id)
    if (other !== undefined && other !== name) throw stateCollision(other, name)
    names.set(id, name)
  }
}
