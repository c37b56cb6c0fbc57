import type { Limit, LimitRule, Mode } from '@sluice/core'
import { invalid, knownOptions, scopeOf } from '@sluice/core/store-kit'

/**
 * A limiter whose states are read: the options of `createLimiter` or `rateLimit` that say how its states are named. Others are ignored.
 * @example
 * ```ts
 * import { slidingWindow } from '@sluice/core'
 * import type { LimiterDefinition } from '@sluice/redis'
 *
 * const api: LimiterDefinition = { name: 'api', limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' })] }
 * ```
 */
export interface LimiterDefinition {
  /** The name of the limiter. Default `'default'`. */
  readonly name?: string | undefined
  /** `'shadow'`: reads what the limiter counts in shadow mode. Default `'enforce'`. */
  readonly mode?: Mode | undefined
  /** The limits of a request without a tier. Default: none. */
  readonly limits?: readonly LimitRule<string, any>[] | undefined
  /** The limits of each tier. Default: none. */
  readonly tiers?: Readonly<Record<string, readonly LimitRule<string, any>[]>> | undefined
}

/** A limit of a definition, in one scope. */
export interface KnownLimit {
  readonly limit: Limit
  readonly scope: string
  /** Whether each request brings numbers of its own. */
  readonly varies: boolean
  /** The tiers with this limit and these numbers. Empty for a limit without a tier. */
  readonly tiers: string[]
}

/** The parts of a policy's name in a key. */
export interface PolicyName {
  readonly isShadow: boolean
  readonly limiter: string
  readonly generation: string
  readonly apart: string | undefined
}

const POLICY = /^(~?)([^!@+]*)(?:!([^@+]*))?(?:@([^+]*))?$/

export function policyNameOf(policy: string): PolicyName {
  const [, shadow, limiter = policy, generation = '', apart] = POLICY.exec(policy) ?? []
  return { isShadow: shadow === '~', limiter, generation, apart }
}

export function nameOf({ name = 'default' }: LimiterDefinition): string {
  return name
}

/** The names of the policies that the definition has in keys, in this generation. */
export function policiesOf(definition: LimiterDefinition, generation: string): readonly string[] {
  const name = `${definition.mode === 'shadow' ? '~' : ''}${nameOf(definition)}${generation === '' ? '' : `!${generation}`}`
  return [...new Set(rulesOf(definition).map(([, { scope }]) => (scope === undefined ? name : `${name}@${scope}`)))]
}

/** The limits that the definition has in a policy of this name. */
export function limitsIn(definition: LimiterDefinition | undefined, policy: string): readonly KnownLimit[] {
  const known = new Map<string, KnownLimit>()
  const { apart } = policyNameOf(policy)
  for (const [tier, { limit, numbers, scope: own }] of definition === undefined ? [] : rulesOf(definition)) {
    if (own !== apart) continue
    const scope = scopeOf(policy, undefined, limit)
    const key = JSON.stringify([scope, limit.window, limit.anchor, limit.timeZone, limit.limit, limit.burst, numbers !== undefined])
    const entry = known.get(key) ?? { limit, scope, varies: numbers !== undefined, tiers: [] }
    if (tier !== undefined) entry.tiers.push(tier)
    known.set(key, entry)
  }
  return [...known.values()]
}

function rulesOf({ limits = [], tiers = {} }: LimiterDefinition): readonly (readonly [tier: string | undefined, rule: LimitRule])[] {
  return [
    ...limits.map((rule) => [undefined, rule] as const),
    ...Object.entries(tiers).flatMap(([tier, rules]) => rules.map((rule) => [tier, rule] as const)),
  ]
}

/** @throws ERR_OPTION_INVALID */
export function checkDefinition(where: string, definition: LimiterDefinition): void {
  if (typeof definition !== 'object' || definition === null) throw invalid(where, '{ name, limits } of a limiter', definition)
  const { name, limits = [], tiers = {} } = definition
  if (name !== undefined && typeof name !== 'string') throw invalid(`${where}.name`, 'the name of a limiter', name)
  if (!Array.isArray(limits)) throw invalid(`${where}.limits`, 'a list of limits', limits)
  if (typeof tiers !== 'object' || tiers === null || !Object.values(tiers).every(Array.isArray))
    throw invalid(`${where}.tiers`, 'an object of lists of limits by tier', tiers)
  for (const [, rule] of rulesOf(definition))
    if (typeof rule?.limit !== 'object') throw invalid(where, 'limits made by a factory such as slidingWindow()', rule)
}

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function checkOptions(where: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw invalid(where, 'options', options)
  knownOptions(where, options, known)
}
