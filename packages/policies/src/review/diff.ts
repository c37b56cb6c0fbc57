import type { LimitSpec, Match, OverrideSpec, PolicyDocument, PolicySpec, RuleSpec } from '../document.ts'
import { countersOf, differencesOf } from './counters.ts'
import {
  activeInWords,
  detailsOf,
  limitInWords,
  matchInWords,
  numbersInWords,
  overrideInWords,
  shown,
  subjectInWords,
  whomInWords,
} from './words.ts'

/** What a change does to the requests that it is for. `anew`: a counter begins at 0. `neither`: none of these, or not known. */
export type ChangeEffect = 'tighter' | 'looser' | 'anew' | 'neither'

/** One difference between two documents, in words. */
export interface PolicyChange {
  /** The policy, or `undefined` for what all policies share. */
  readonly policy: string | undefined
  readonly effect: ChangeEffect
  /** For whom: requests, a tier, or the subjects of an override. */
  readonly who: string
  readonly message: string
}

/**
 * Says what changes for whom when one document takes the place of another: limits, counters that start anew, overrides, tiers, modes.
 * @returns the changes, those of all policies first; empty for documents that decide alike
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { diffDocuments, parseDocument } from '@sluice/policies'
 *
 * const [before, after] = ['old.yaml', 'new.yaml'].map((file) => parseDocument(readFileSync(file, 'utf8'), { source: file }))
 * if (before && after) for (const { effect, who, message } of diffDocuments(before, after)) console.log(effect, who, message)
 * ```
 */
export function diffDocuments(before: PolicyDocument, after: PolicyDocument): readonly PolicyChange[] {
  const changes: PolicyChange[] = []
  const add = (policy: string | undefined, effect: ChangeEffect, who: string, message: string): void => {
    changes.push({ policy, effect, who, message })
  }
  if (before.namespace !== after.namespace)
    add(undefined, 'anew', 'every request', `the namespace was ${before.namespace} and is ${after.namespace}, so every limit starts anew`)
  if (before.deleted !== after.deleted)
    add(
      undefined,
      after.deleted === true ? 'looser' : 'tighter',
      'every request',
      after.deleted === true ? 'all limits are removed' : 'the namespace has limits again',
    )
  diffShared(before, after, add)
  const [old, current] = [byName(before.policies), byName(after.policies)]
  for (const [name, policy] of old) if (!current.has(name)) add(name, 'looser', policyWho(policy), 'the policy is removed')
  for (const [name, policy] of current) {
    const known = old.get(name)
    if (known !== undefined) diffPolicy(known, policy, add)
    else {
      add(
        name,
        policy.mode === undefined || policy.mode === 'enforce' ? 'tighter' : 'neither',
        policyWho(policy),
        `the policy is new (mode ${policy.mode ?? 'enforce'})`,
      )
      for (const rule of policy.rules) addRule(policy, rule, add)
    }
  }
  diffCounters(before, after, add)
  return changes
}

type Add = (policy: string | undefined, effect: ChangeEffect, who: string, message: string) => void

function byName<T extends { readonly name: string }>(list: readonly T[] = []): ReadonlyMap<string, T> {
  return new Map(list.map((each) => [each.name, each]))
}

function policyWho({ rules }: PolicySpec): string {
  return rules.map(({ match }) => matchInWords(match)).join('; ')
}

/** What all policies share: exemptions, subjects, tiers. */
function diffShared(before: PolicyDocument, after: PolicyDocument, add: Add): void {
  const words = (matches: readonly Match[] = []): readonly string[] => matches.map(matchInWords)
  const [old, current] = [words(before.exempt), words(after.exempt)]
  for (const match of current) if (!old.includes(match)) add(undefined, 'looser', match, 'is exempt from every limit')
  for (const match of old) if (!current.includes(match)) add(undefined, 'tighter', match, 'is no longer exempt')
  for (const [name, subject] of Object.entries(after.subjects ?? {})) {
    const known = before.subjects?.[name]
    const [was, is] = [known && subjectInWords(known), subjectInWords(subject)]
    if (was !== undefined && was !== is) add(undefined, 'neither', `every ${name}`, `the subject was ${was} and is ${is}`)
  }
  const differ = (what: string, was: unknown, is: unknown): void => {
    if (shown(was) !== shown(is)) add(undefined, 'neither', 'every request', `${what} was ${shown(was)} and is ${shown(is)}`)
  }
  differ('the attribute of the tier', before.tier?.attribute, after.tier?.attribute)
  differ('the default tier', before.tier?.default, after.tier?.default)
  differ('the table of the tier', before.tier?.table, after.tier?.table)
  differ('the list of columns', before.columns, after.columns)
}

const MODES = ['off', 'shadow', 'enforce'] as const

function diffPolicy(before: PolicySpec, after: PolicySpec, add: Add): void {
  const { name } = after
  const who = policyWho(after)
  const [was, is] = [before.mode ?? 'enforce', after.mode ?? 'enforce']
  if (was !== is) add(name, MODES.indexOf(is) > MODES.indexOf(was) ? 'tighter' : 'looser', who, `the mode was ${was} and is ${is}`)
  const differ = (what: string, one: string, other: string): void => {
    if (one !== other) add(name, 'neither', who, `${what} was ${one} and is ${other}`)
  }
  differ('failMode', before.failMode ?? 'local', after.failMode ?? 'local')
  differ('the status of a refusal', String(before.status ?? 429), String(after.status ?? 429))
  differ('the time in which it holds', activeInWords(before.active), activeInWords(after.active))
  const share = ({ rollout }: PolicySpec): number => rollout?.percent ?? 100
  const rollout = (policy: PolicySpec): string => (policy.rollout ? `${policy.rollout.percent} % of ${policy.rollout.by}` : 'everyone')
  if (rollout(before) !== rollout(after))
    add(name, share(after) > share(before) ? 'tighter' : 'looser', who, `was enforced for ${rollout(before)} and is for ${rollout(after)}`)
  const [old, current] = [byName(before.rules), byName(after.rules)]
  for (const [rule, spec] of old) if (!current.has(rule)) add(name, 'looser', matchInWords(spec.match), `the rule ${rule} is removed`)
  for (const [rule, spec] of current) {
    const known = old.get(rule)
    if (known === undefined) addRule(after, spec, add)
    else diffRule(after, known, spec, add)
  }
  const order = (rules: readonly RuleSpec[], others: ReadonlyMap<string, RuleSpec>): string =>
    rules.flatMap((rule) => (others.has(rule.name) ? [rule.name] : [])).join(', ')
  differ('the order of its rules', order(before.rules, current), order(after.rules, old))
  diffOverrides(before, after, add)
}

function addRule({ name }: PolicySpec, rule: RuleSpec, add: Add): void {
  for (const [tier, limits] of Object.entries(listsOf(rule))) {
    const words = limits.map((limit) => `${limit.name} ${limitInWords(limit)}`).join(', ')
    add(name, limits.length > 0 ? 'tighter' : 'neither', whoOf(rule, tier), `the rule ${rule.name} is new: ${words || 'no limit'}`)
  }
}

/** The limits of a rule by tier; those of a rule without tiers under ''. */
function listsOf({ limits, tiers }: RuleSpec): Readonly<Record<string, readonly LimitSpec[]>> {
  return tiers ?? { '': limits ?? [] }
}

function whoOf({ match }: RuleSpec, tier: string): string {
  return tier === '' ? matchInWords(match) : `tier ${tier}, ${matchInWords(match)}`
}

function diffRule({ name }: PolicySpec, before: RuleSpec, after: RuleSpec, add: Add): void {
  const differ = (what: string, was: string, is: string): void => {
    if (was !== is) add(name, 'neither', matchInWords(after.match), `rule ${after.name}: ${what} was ${was} and is ${is}`)
  }
  differ('its match', matchInWords(before.match), matchInWords(after.match))
  differ('the time in which it holds', activeInWords(before.active), activeInWords(after.active))
  const [old, current] = [listsOf(before), listsOf(after)]
  for (const [tier, limits] of Object.entries(current)) {
    const known = old[tier]
    if (known !== undefined) diffLimits(name, whoOf(after, tier), known, limits, add)
    else
      add(
        name,
        'neither',
        whoOf(after, tier),
        `${tier === '' ? 'limits without tiers' : `tier ${tier}`} in rule ${after.name}: ${listInWords(limits)}`,
      )
  }
  for (const tier of Object.keys(old)) {
    if (current[tier] === undefined)
      add(
        name,
        'neither',
        whoOf(before, tier),
        `${tier === '' ? 'limits without tiers are' : `tier ${tier} is`} gone from rule ${after.name}`,
      )
  }
}

function listInWords(limits: readonly LimitSpec[]): string {
  return limits.map((limit) => `${limit.name} ${limitInWords(limit)}`).join(', ') || 'no limit'
}

function diffLimits(policy: string, who: string, before: readonly LimitSpec[], after: readonly LimitSpec[], add: Add): void {
  const [old, current] = [byName(before), byName(after)]
  for (const limit of old.keys()) if (!current.has(limit)) add(policy, 'looser', who, `${policy}.${limit} is removed`)
  for (const [name, limit] of current) {
    const known = old.get(name)
    const title = `${policy}.${name}`
    if (known === undefined) {
      add(policy, 'tighter', who, `${title} is new: ${limitInWords(limit)}`)
      continue
    }
    const [was, is] = [numbersInWords(known), numbersInWords(limit)]
    if (was !== is) add(policy, effectOf(known, limit), who, `${title} was ${was} and is ${is}`)
    const [others, own] = [detailsOf(known), detailsOf(limit)]
    for (const field of new Set([...Object.keys(others), ...Object.keys(own)])) {
      if (others[field] !== own[field])
        add(policy, 'neither', who, `${title}: ${field} was ${shown(others[field])} and is ${shown(own[field])}`)
    }
  }
}

/** Where quantity and burst move in different ways, or the window changes, neither is certain. */
function effectOf(before: LimitSpec, after: LimitSpec): ChangeEffect {
  if (before.algorithm !== after.algorithm || numbersInWords({ ...before, limit: 0 }) !== numbersInWords({ ...after, limit: 0 })) {
    const burst = (limit: LimitSpec): number => ('burst' in limit && limit.burst !== undefined ? limit.burst : 0)
    const isBurstOnly = before.limit === after.limit && 'window' in before && 'window' in after && before.window === after.window
    if (!isBurstOnly || burst(before) === 0 || burst(after) === 0) return 'neither'
    return burst(after) > burst(before) ? 'looser' : 'tighter'
  }
  return after.limit > before.limit ? 'looser' : 'tighter'
}

function diffOverrides(before: PolicySpec, after: PolicySpec, add: Add): void {
  const byWho = (overrides: readonly OverrideSpec[] = []): ReadonlyMap<string, string> =>
    new Map(overrides.map((override) => [whomInWords(override), overrideInWords(override)]))
  const [old, current] = [byWho(before.overrides), byWho(after.overrides)]
  for (const [who, what] of current) {
    const known = old.get(who)
    if (known === undefined) add(after.name, 'neither', who, `has an override: ${what}`)
    else if (known !== what) add(after.name, 'neither', who, `had the override ${known} and has ${what}`)
  }
  for (const [who, what] of old) if (!current.has(who)) add(after.name, 'neither', who, `has no override any more; it was ${what}`)
}

function diffCounters(before: PolicyDocument, after: PolicyDocument, add: Add): void {
  if (before.namespace !== after.namespace) return
  const old = countersOf(before)
  for (const [name, counter] of countersOf(after)) {
    const known = old.get(name)
    const differences = known === undefined ? [] : differencesOf(known, counter)
    if (differences.length > 0)
      add(
        name.slice(0, name.indexOf('.')),
        'anew',
        `every ${counter.limit.subject}`,
        `${name} starts to count anew: ${differences.join('; ')}`,
      )
  }
}
