import type { FailMode } from '@sluice/core'
import type { CeilingsDocument, CeilingSpec, RateSpec } from '../ceilings.ts'
import { ruleOf } from '../compile/limit-rules.ts'
import type { LimitSpec, PolicyDocument, PolicySpec } from '../document.ts'
import type { Finding, Path } from '../problems.ts'
import { limitsOfRule, type Report } from './common.ts'
import { checkRule } from './limits.ts'

const DAY = 86_400_000
/** The shortest length of each window of the calendar, in ms. */
const CALENDAR = { day: DAY, week: 7 * DAY, month: 28 * DAY, quarter: 90 * DAY, year: 365 * DAY } as const
const STRICTNESS: readonly FailMode[] = ['open', 'local', 'closed']

/** Ceilings of one namespace in the form in which numbers are compared. */
export class Ceiling {
  private readonly spec: CeilingSpec
  /** The shortest window first. */
  private readonly rates: readonly { readonly limit: number; readonly window: number }[]

  constructor(spec: CeilingSpec) {
    this.spec = spec
    this.rates = (spec.rates ?? [])
      .map((rate) => ({ limit: rate.limit, window: ruleOf('ceilings', asLimit(rate)).limit.window as number }))
      .toSorted((a, b) => a.window - b.window)
  }

  /** The largest number, and burst, of a limit. `Infinity`: any. */
  of(limit: LimitSpec): number {
    const { concurrency = Infinity } = this.spec
    if (limit.algorithm === 'concurrency') return concurrency
    const [shortest] = this.rates
    if (shortest === undefined) return Infinity
    const window = Object.hasOwn(CALENDAR, limit.window)
      ? CALENDAR[limit.window as keyof typeof CALENDAR]
      : (ruleOf('policy', asLimit(limit)).limit.window as number)
    const most = this.rates.map((rate) => (window >= rate.window || rate === shortest ? (rate.limit * window) / rate.window : rate.limit))
    return Math.floor(Math.min(...most))
  }

  /** What of a document exceeds the ceilings; empty if nothing does. */
  findingsOf(document: PolicyDocument): readonly Finding[] {
    const findings: Finding[] = []
    const { policies = [] } = document
    const report: Report = (path, message) => {
      findings.push({ path, message })
    }
    const count = (of: (policy: PolicySpec) => number): number => policies.reduce((sum, policy) => sum + of(policy), 0)
    const sizes = {
      policies: policies.length,
      rules: count(({ rules }) => rules.length),
      overrides: count(({ overrides = [] }) => overrides.length),
    }
    for (const [what, size] of Object.entries(sizes)) {
      const most = this.spec[what as keyof typeof sizes] ?? Infinity
      if (size > most) report(['policies'], `expected at most ${most} ${what} in all, by the ceilings, got ${size}`)
    }
    for (const [i, policy] of policies.entries()) this.checkPolicy(policy, ['policies', i], report)
    return findings
  }

  private checkPolicy(policy: PolicySpec, path: Path, report: Report): void {
    const { failMode = 'local', rules, overrides = [] } = policy
    const { failMode: least = 'open', unlimited = true } = this.spec
    if (STRICTNESS.indexOf(failMode) < STRICTNESS.indexOf(least))
      report(
        [...path, 'failMode'],
        `expected ${STRICTNESS.slice(STRICTNESS.indexOf(least)).join(' or ')}, by the ceilings, got ${failMode}`,
      )
    const byName = new Map<string, number>()
    for (const [r, rule] of rules.entries()) {
      const at = [...path, 'rules', r]
      for (const { limit, path: place } of limitsOfRule(rule, at)) {
        const most = this.of(limit)
        byName.set(limit.name, Math.min(most, byName.get(limit.name) ?? Infinity))
        checkNumbers(limit, most, place, report)
      }
      if (unlimited) continue
      if (rule.limits?.length === 0) report([...at, 'limits'], NOT_UNLIMITED)
      for (const [tier, list] of Object.entries(rule.tiers ?? {})) if (list.length === 0) report([...at, 'tiers', tier], NOT_UNLIMITED)
    }
    for (const [o, { limits = {}, exempt }] of overrides.entries()) {
      const at = [...path, 'overrides', o]
      for (const [name, numbers] of Object.entries(limits))
        checkNumbers(numbers, byName.get(name) ?? Infinity, [...at, 'limits', name], report)
      if (!unlimited && exempt === true) report([...at, 'exempt'], 'expected no exemption, by the ceilings')
    }
  }
}

const NOT_UNLIMITED = 'expected at least one limit, by the ceilings, got an empty list'

function checkNumbers(
  numbers: { readonly limit?: number | undefined; readonly burst?: number | undefined },
  most: number,
  path: Path,
  report: Report,
) {
  for (const field of ['limit', 'burst'] as const) {
    const number = numbers[field] ?? 0
    if (number > most) report([...path, field], `expected at most ${most}, by the ceilings of the namespace, got ${number}`)
  }
}

/** Checks what the schema cannot: the windows of rates. */
export function checkCeilings({ namespaces }: CeilingsDocument): readonly Finding[] {
  const findings: Finding[] = []
  const report: Report = (path, message) => {
    findings.push({ path, message })
  }
  for (const [namespace, { rates = [] }] of Object.entries(namespaces)) {
    const seen = new Set<unknown>()
    for (const [i, rate] of rates.entries()) {
      const path = ['namespaces', namespace, 'rates', i]
      if (!checkRule(asLimit(rate), path, report)) continue
      const length = ruleOf('ceilings', asLimit(rate)).limit.window
      if (seen.has(length)) report([...path, 'window'], `expected each window once, got ${rate.window} twice`)
      seen.add(length)
    }
  }
  return findings
}

/** Core reads the window of a limit, and of nothing else. */
function asLimit({ window }: Pick<RateSpec, 'window'>): LimitSpec {
  return { name: 'rate', algorithm: 'fixedWindow', limit: 0, window, subject: '' }
}
