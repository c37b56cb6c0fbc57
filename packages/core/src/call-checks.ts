import { algorithmOf } from './algorithms/registry.ts'
import type { Decision } from './decision.ts'
import { invalid, quoted, show, SluiceError } from './errors.ts'
import { knownOptions, similar } from './known-options.ts'
import type { Limit } from './limit.ts'
import type { Cost, Subject, WaitSignal } from './limiter.ts'
import type { ObserverHub } from './observers.ts'
import type { LimitSet, Policy } from './policy.ts'
import { isSubjectValue } from './subject-values.ts'

// What a caller passes to a limiter. TypeScript checks most of it, but JavaScript does not: a misspelt name must not take units by guess.

const OPTIONS = ['cost', 'tier', 'numbers'] as const
const TAKE_OPTIONS = [...OPTIONS, 'atLeast'] as const
const WAIT_OPTIONS = [...TAKE_OPTIONS, 'signal', 'maxWait'] as const

/** What other libraries call the options of a call. */
const FOREIGN: Readonly<Record<string, string>> = {
  amount: 'cost',
  consumePoints: 'cost',
  abortSignal: 'signal',
  count: 'cost',
  customDuration: 'numbers, as { limit: { window } }',
  maxDelay: 'maxWait',
  plan: 'tier',
  points: 'cost',
  rate: 'cost',
  timeout: 'maxWait',
  tokens: 'cost',
  units: 'cost',
  weight: 'cost',
}

/**
 * Checks the options of `consume`, `peek`, `penalize`, `credit` or `wait`.
 * @throws ERR_COST_INVALID, ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 */
export function checkCallOptions(options: unknown, limiter: string, method: string): void {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) {
    // Nearly all calls end here. A list of the names would be a new object for each.
    let isKnown = true
    for (const name in options)
      if (name !== 'cost' && name !== 'tier' && name !== 'numbers' && (name !== 'atLeast' || !takes(method))) isKnown = false
    if (isKnown) return
  }
  const what = `limiter "${limiter}": ${method}`
  if (typeof options === 'number')
    throw new SluiceError('ERR_COST_INVALID', `${what}: expected options such as { cost: ${options} }, got ${show(options)}`)
  knownOptions(what, options, method === 'wait' ? WAIT_OPTIONS : takes(method) ? TAKE_OPTIONS : OPTIONS, FOREIGN)
  const { signal } = options as { readonly signal?: Partial<WaitSignal> | null }
  if (signal !== undefined && (typeof signal?.aborted !== 'boolean' || typeof signal.addEventListener !== 'function'))
    throw invalid(`${what}: signal`, 'an AbortSignal', signal)
}

function takes(method: string): boolean {
  return method !== 'penalize' && method !== 'credit'
}

/** The option `atLeast` of a call, checked. @throws ERR_COST_INVALID */
export function checkAtLeast(atLeast: number, cost: Cost<string> = 1, limiter: string): number {
  const where = `limiter "${limiter}": `
  if (typeof cost !== 'number')
    throw invalid(`${where}cost`, 'a number beside atLeast, since all limits then take the same number of units', cost, 'ERR_COST_INVALID')
  if (!Number.isSafeInteger(atLeast) || atLeast < 1 || atLeast > cost)
    throw invalid(`${where}atLeast`, `a whole number from 1 to the cost, ${cost}`, atLeast, 'ERR_COST_INVALID')
  return atLeast
}

/** Checks a subject that is not a text with characters. @throws ERR_SUBJECT_INVALID */
export function checkSubjects(subject: Subject<string>, policy: Policy): void {
  const expected = 'a string that is not empty, or a list of such strings'
  if (isSubjectValue(subject)) return
  if (typeof subject !== 'object' || subject === null || Array.isArray(subject))
    throw invalid(`limiter "${policy.name}": subject`, `${expected}, or an object of them by limit`, subject, 'ERR_SUBJECT_INVALID')
  for (const [name, value] of Object.entries(subject)) {
    checkLimitName(name, policy, 'subject', 'ERR_SUBJECT_INVALID')
    if (!isSubjectValue(value)) throw invalid(`limiter "${policy.name}": subject.${name}`, expected, value, 'ERR_SUBJECT_INVALID')
  }
}

/** The error for a subject by limit that lacks a limit. */
export function subjectMissing(limiter: string, limit: string, subject: Subject<string>): SluiceError {
  return new SluiceError(
    'ERR_SUBJECT_MISSING',
    `limiter "${limiter}": expected a subject for limit "${limit}", got ${Object.keys(subject).join(', ') || 'none'}`,
  )
}

/**
 * @param decision whose limits may be named too: another revision of a policy document may have made it
 * @throws ERR_COST_INVALID
 */
export function checkCost(cost: Cost<string>, policy: Policy, decision?: Pick<Decision, 'charges'>): void {
  if (typeof cost === 'object' && cost !== null) {
    for (const [name, value] of Object.entries(cost)) {
      if (decision?.charges.some(({ limit }) => limit.name === name) !== true) checkLimitName(name, policy, 'cost', 'ERR_COST_INVALID')
      if (value !== undefined) checkUnits(value, policy, `cost.${name}`)
    }
  } else checkUnits(cost, policy, 'cost')
}

function checkUnits(units: number, { name }: Policy, what: string): void {
  if (!Number.isSafeInteger(units) || units < 0)
    throw invalid(`limiter "${name}": ${what}`, 'a whole number, 0 or more', units, 'ERR_COST_INVALID')
}

function checkLimitName(name: string, policy: Policy, what: string, code: 'ERR_SUBJECT_INVALID' | 'ERR_COST_INVALID'): void {
  if (!policy.names.has(name))
    throw invalid(`limiter "${policy.name}": ${what}`, `the name of a limit (${[...policy.names].join(', ')})`, name, code)
}

/** The warning for a tier without limits. `set`: the limits that apply. */
export function unknownTier(tier: unknown, { tier: applied }: LimitSet, known: readonly string[]): string {
  if (tier === undefined) return `no limits for tier undefined, so ${whichApply(applied)}; list the tier, or give limits beside tiers`
  const text = typeof tier === 'string' ? tier : show(tier)
  const meant = similar(text, known)
  const hint = known.length === 0 ? 'this limiter has no tiers' : meant === undefined ? 'list the tier' : `did you mean ${quoted(meant)}?`
  return `no limits for tier ${quoted(text)}, so ${whichApply(applied)}; ${hint}`
}

function whichApply(tier: string | undefined): string {
  return tier === undefined ? 'the limits beside the tiers apply' : `those of ${quoted(tier)}, the first tier listed, apply`
}

/** Warns of a cost that a limit never admits. A limit of 0 is meant to refuse. */
export function warnCostNever(observers: ObserverHub, limit: Limit): void {
  if (algorithmOf(limit).quota(limit) === 0) return
  const { name } = limit
  observers.warn(
    'WARN_COST_NEVER',
    `a request costs more than limit "${name}" ever admits, so it is always refused; raise the limit or its burst, or refuse such requests yourself`,
    name,
  )
}
