import { systemClock } from '@sluice/core'
import { type CeilingsDocument, ceilingOf } from '../ceilings.ts'
import { Ceiling } from '../checks/ceilings.ts'
import type { LimitSpec, PolicyDocument, PolicySpec, RuleSpec } from '../document.ts'
import { parseLocated } from '../parse.ts'
import type { Path, Problem } from '../problems.ts'
import { isForgeable } from '../subjects.ts'
import { limitsOfRule, type Report } from '../checks/common.ts'
import { countersOf, differencesOf } from './counters.ts'
import { covers } from './covers.ts'
import { findUnserved } from './lint-rls.ts'

/** The options of `lintDocument`. */
export interface LintOptions {
  /** Names the document in messages, such as the path of its file. Default: `'document'`. */
  readonly source?: string | undefined
  /** The document that is in force now. With it, limits that start to count anew are found. Default: none. */
  readonly previous?: PolicyDocument | undefined
  /** The ceilings of the operator. With them, what exceeds those of the namespace is found. Default: none. */
  readonly ceilings?: CeilingsDocument | undefined
  /** Whether Envoy asks by its rate limit service. With it, limits are found that this service does not hold. Default: false. */
  readonly rls?: boolean | undefined
  /** The time at which the document is read: ms since the epoch. Default: now. */
  readonly now?: number | undefined
}

/** What kind of doubt a finding is. */
export type LintRule = 'unreachable' | 'new-counter' | 'forgeable' | 'ended' | 'unused' | 'revision' | 'ceiling' | 'rls'

/** Something in a valid document that is probably not meant. */
export interface LintFinding extends Problem {
  readonly rule: LintRule
}

/**
 * Finds what is valid in a document, but probably not meant: rules that no request reaches, limits by a value that a client can choose,
 * limits that start to count anew, what exceeds the ceilings, and what has ended or is not used.
 * @param text a document, as `parseDocument` reads it
 * @returns the findings in the order of the document
 * @throws PolicyError (ERR_POLICY_INVALID) for a document that is not valid
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { lintDocument } from '@sluice/policies'
 *
 * for (const { rule, line, message } of lintDocument(readFileSync('sluice.yaml', 'utf8'))) console.log(line, rule, message)
 * ```
 */
export function lintDocument(text: string, options: LintOptions = {}): readonly LintFinding[] {
  const { source, previous, ceilings, rls = false, now = systemClock.now() } = options
  const { document, locate } = parseLocated(text, source)
  const findings: LintFinding[] = []
  const reporter =
    (rule: LintRule): Report =>
    (path, message) => {
      findings.push({ ...locate({ path, message }), rule })
    }
  findUnreachable(document, reporter('unreachable'))
  findForgeable(document, reporter('forgeable'))
  findEnded(document, now, reporter('ended'))
  findUnused(document, reporter('unused'))
  if (rls) findUnserved(document, reporter('rls'))
  if (previous !== undefined) findNew(document, previous, reporter)
  const ceiling = ceilings && ceilingOf(ceilings, document.namespace)
  const exceeding = ceiling === undefined ? [] : new Ceiling(ceiling).findingsOf(document)
  for (const { path, message } of exceeding) reporter('ceiling')(path, message)
  return findings.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0))
}

function findUnreachable({ policies = [], exempt = [] }: PolicyDocument, report: Report): void {
  for (const [p, { rules }] of policies.entries()) {
    for (const [r, rule] of rules.entries()) {
      const path: Path = ['policies', p, 'rules', r]
      const excused = exempt.findIndex((match) => covers(match, rule.match))
      if (excused >= 0) report(path, `no request reaches rule "${rule.name}": exempt[${excused}] exempts all of them`)
      const earlier = rules.slice(0, r).find((other) => hides(other, rule))
      if (earlier !== undefined)
        report(
          path,
          `no request reaches rule "${rule.name}": rule "${earlier.name}" above it matches all of them; put it below, or narrow it`,
        )
    }
  }
}

/** A rule that holds at some times only hides no other one, unless both have the same times. */
function hides(earlier: RuleSpec, later: RuleSpec): boolean {
  return (
    covers(earlier.match, later.match) && (earlier.active === undefined || JSON.stringify(earlier.active) === JSON.stringify(later.active))
  )
}

/** Where all limits of a request are by values that its client chooses, another value is another quota. */
function findForgeable(document: PolicyDocument, report: Report): void {
  const { policies = [], subjects = {} } = document
  const isFirm = ({ subject, limit }: LimitSpec): boolean => {
    const spec = subjects[subject]
    return limit === 0 || (spec !== undefined && !isForgeable(spec))
  }
  const firm = policies
    .filter(isEnforced)
    .flatMap(({ rules }) => rules.filter((rule) => rule.active === undefined && (rule.limits ?? []).some(isFirm)))
  for (const [p, policy] of policies.entries()) {
    for (const [r, rule] of policy.rules.entries()) {
      if (firm.some(({ match }) => covers(match, rule.match))) continue
      const lists = [...(rule.limits === undefined ? [] : [rule.limits]), ...Object.values(rule.tiers ?? {})]
      for (const list of lists) {
        if (list.length === 0 || list.some(isFirm)) continue
        const first = limitsOfRule(rule, ['policies', p, 'rules', r]).find(({ limit }) => limit === list[0])
        if (first === undefined) continue
        const skip = subjects[first.limit.subject]?.missing === 'skip' ? ', or none' : ''
        report(
          [...first.path, 'subject'],
          `a client can send any value for "${first.limit.subject}"${skip}, and each value has a quota of its own; ` +
            'add a limit by address, or write trusted: true if a gateway sets the value',
        )
      }
    }
  }
}

function isEnforced({ mode, active, rollout }: PolicySpec): boolean {
  return (mode ?? 'enforce') === 'enforce' && active === undefined && rollout === undefined
}

function findEnded({ policies = [] }: PolicyDocument, now: number, report: Report): void {
  const check = (until: string | undefined, path: Path, what: string): void => {
    if (until !== undefined && Date.parse(until) <= now) report(path, `${what} ended at ${until}; remove it`)
  }
  for (const [p, { name, active, rules, overrides = [] }] of policies.entries()) {
    check(active?.until, ['policies', p, 'active', 'until'], `policy "${name}"`)
    for (const [r, rule] of rules.entries())
      check(rule.active?.until, ['policies', p, 'rules', r, 'active', 'until'], `rule "${rule.name}"`)
    for (const [o, { until }] of overrides.entries()) check(until, ['policies', p, 'overrides', o, 'until'], 'the override')
  }
}

function findUnused(document: PolicyDocument, report: Report): void {
  const { policies = [], subjects = {}, columns = {}, tier } = document
  const used = new Set<string>()
  for (const { rules, overrides = [], rollout } of policies) {
    for (const rule of rules) for (const { limit } of limitsOfRule(rule, [])) used.add(limit.subject)
    for (const { subject } of overrides) used.add(subject)
    if (rollout !== undefined) used.add(rollout.by)
  }
  for (const name of Object.keys(subjects)) if (!used.has(name)) report(['subjects', name], `nothing uses the subject "${name}"; remove it`)
  if (tier?.table === undefined) {
    for (const column of Object.keys(columns))
      report(['columns', column], `nothing uses the column "${column}", since no table is named; set tier.table, or remove it`)
  }
  for (const [p, { rules }] of policies.entries()) {
    for (const [r, rule] of rules.entries()) {
      for (const { limit, path } of limitsOfRule(rule, ['policies', p, 'rules', r])) {
        if ('delay' in limit && limit.delay !== undefined && limit.limit > 0 && limit.delay.after >= limit.limit)
          report([...path, 'delay', 'after'], `no request is delayed: it is refused above ${limit.limit}; expected less`)
      }
    }
  }
}

function findNew(document: PolicyDocument, previous: PolicyDocument, reporter: (rule: LintRule) => Report): void {
  const report = reporter('new-counter')
  if (document.namespace !== previous.namespace) {
    report(['namespace'], `every limit starts to count anew: the namespace was "${previous.namespace}" and is "${document.namespace}"`)
    return
  }
  const isSame = JSON.stringify(document) === JSON.stringify(previous)
  if (document.revision <= previous.revision && !isSame)
    reporter('revision')(
      ['revision'],
      `expected a revision above ${previous.revision}, which is in force; one that is not higher is ignored`,
    )
  const before = countersOf(previous)
  for (const [name, counter] of countersOf(document)) {
    const known = before.get(name)
    if (known === undefined) report(counter.path, `the limit ${name} is new: it counts from 0`)
    else {
      const differences = differencesOf(known, counter)
      if (differences.length > 0) report(counter.path, `the limit ${name} starts to count anew: ${differences.join('; ')}`)
    }
  }
}
