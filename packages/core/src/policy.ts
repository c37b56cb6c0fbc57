import { algorithmOf } from './algorithms/registry.ts'
import type { Mode } from './decision.ts'
import { invalid, SluiceError } from './errors.ts'
import type { KeyOf } from './identity/part.ts'
import { checkName } from './define-limit.ts'
import type { Limit, LimitRule } from './limit.ts'
import type { FailMode } from './store.ts'

export type Rules<C = any> = readonly LimitRule<string, C>[]

/** What a policy is made of. */
export interface PolicyOptions<C = any> {
  readonly name?: string | undefined
  readonly limits?: Rules<C> | undefined
  readonly tiers?: Readonly<Record<string, Rules<C>>> | undefined
  readonly mode?: Mode | undefined
  /** What decides while the store is away; default `local`. */
  readonly failMode?: FailMode | undefined
}

/** A limit with the place of its state. */
export interface PlacedLimit {
  readonly rule: LimitRule
  readonly limit: Limit
  readonly scope: string
  readonly key: KeyOf<any> | undefined
  /** Whether it takes holders, so that its cost is 1 whatever the request's. */
  readonly holds: boolean
}

/** The limits that hold together for one tier, or for no tier. */
export interface LimitSet {
  readonly tier: string | undefined
  readonly limits: readonly PlacedLimit[]
}

/** Limits, tiers, mode and failure rule under one name: validated once, frozen. */
export interface Policy {
  readonly name: string
  readonly mode: Mode
  readonly failMode: FailMode | undefined
  /** The limits of no tier and of unknown tiers; `undefined`: the first tier serves them. */
  readonly base: LimitSet | undefined
  readonly tiers: ReadonlyMap<string, LimitSet>
  /** Every name of a limit, in any tier. */
  readonly names: ReadonlySet<string>
  /** Its data in one text: two policies of one text are one definition. */
  readonly definition: string
}

const MODES = ['enforce', 'shadow', 'off'] as const
const FAIL_MODES = ['local', 'open', 'closed'] as const

/** @throws ERR_OPTION_INVALID, ERR_NAME_INVALID, ERR_NAME_DUPLICATE, saying what was expected and what came */
export function definePolicy(options: PolicyOptions): Policy {
  const { name = 'default', limits, tiers, mode = 'enforce', failMode } = options
  checkName(name, 'name')
  if (!MODES.includes(mode)) throw invalid('mode', "'enforce', 'shadow' or 'off'", mode)
  if (failMode !== undefined && !FAIL_MODES.includes(failMode)) throw invalid('failMode', "'local', 'open' or 'closed'", failMode)
  if (limits === undefined && tiers === undefined) throw invalid(`limiter "${name}"`, 'limits or tiers', undefined)
  // A shadow policy has a state of its own: trying a limit out must not spend the real one.
  const place = mode === 'shadow' ? `~${name}` : name
  const base = limits === undefined ? undefined : limitSet(limits, undefined, place, 'limits')
  const sets = new Map(tierEntries(tiers).map(([tier, rules]) => [tier, limitSet(rules, tier, place, `tiers.${tier}`)]))
  const all = setsOf({ base, tiers: sets })
  const data = { mode, failMode, sets: all.map((set) => [set.tier ?? null, set.limits.map(({ limit, scope }) => [limit, scope])]) }
  return Object.freeze({
    name,
    mode,
    failMode,
    base,
    tiers: sets,
    names: new Set(all.flatMap((set) => set.limits.map(({ limit }) => limit.name))),
    definition: JSON.stringify(data),
  })
}

/** The same policy with each of its sets of limits changed. */
export function changePolicy({ name, mode, failMode, base, tiers }: Policy, change: (rules: Rules) => Rules): Policy {
  const changed = (set: LimitSet) => change(set.limits.map(({ rule }) => rule))
  const sets = tiers.size === 0 ? undefined : Object.fromEntries([...tiers].map(([tier, set]) => [tier, changed(set)]))
  return definePolicy({ name, mode, failMode, limits: base && changed(base), tiers: sets })
}

/** The limits of a tier; `defaulted` when the first tier listed stands in for one that is not there. */
export function limitsOf(policy: Policy, tier: string | undefined): { readonly set: LimitSet; readonly defaulted: boolean } {
  const named = tier === undefined ? undefined : policy.tiers.get(tier)
  if (named !== undefined) return { set: named, defaulted: false }
  if (policy.base !== undefined) return { set: policy.base, defaulted: false }
  return { set: policy.tiers.values().next().value as LimitSet, defaulted: true }
}

/** Every set of limits, of no tier and of each. */
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

function limitSet(rules: Rules, tier: string | undefined, place: string, what: string): LimitSet {
  if (!Array.isArray(rules)) throw invalid(what, 'a list of limits, such as [slidingWindow({ … })]', rules)
  const seen = new Set<string>()
  const limits = rules.map((rule: LimitRule, i) => {
    const limit = rule?.limit
    if (typeof limit !== 'object' || limit === null || algorithmOf(limit) === undefined) {
      throw invalid(`${what}[${i}]`, 'a limit made by slidingWindow(), tokenBucket() or a sibling', rule)
    }
    const name = limit.name.toLowerCase()
    if (seen.has(name))
      throw new SluiceError('ERR_NAME_DUPLICATE', `${what}: expected names unique ignoring case, got "${limit.name}" twice`)
    seen.add(name)
    const apart = rule.scope === undefined ? place : `${place}/${rule.scope}`
    return Object.freeze({
      rule,
      limit,
      scope: `${apart}/${limit.name}/${limit.algorithm}`,
      key: rule.key,
      holds: algorithmOf(limit).holds,
    })
  })
  // The list is not frozen: V8 inlines no method of one that is, and every request calls some.
  return Object.freeze({ tier, limits })
}
