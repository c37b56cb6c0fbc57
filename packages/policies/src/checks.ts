import type { PolicyDocument, PolicySpec, RuleSpec } from './document.ts'
import { checkNames, limitsOfRule, type Report, unknownSubject } from './checks/common.ts'
import { checkLabels } from './checks/labels.ts'
import { checkLimits, checkOneLimit } from './checks/limits.ts'
import { checkMatch } from './checks/match.ts'
import { checkOverrides } from './checks/overrides.ts'
import { checkActive } from './checks/schedule.ts'
import { checkExempt } from './checks/trust.ts'
import type { Finding, Path } from './problems.ts'
import { MAX } from './schema-parts.ts'
import { contains } from './subjects.ts'

/** Checks what a schema cannot: names that must exist or differ, what a client could forge, bounds over the whole document. */
export function checkDocument(document: PolicyDocument): readonly Finding[] {
  const findings: Finding[] = []
  const report: Report = (path, message) => {
    findings.push({ path, message })
  }
  if (document.deleted === true) {
    checkDeleted(document, report)
    return findings
  }
  const { policies, subjects = {}, exempt = [] } = document
  if (policies === undefined) report(['policies'], 'is missing; expected a list, which may be empty')
  for (const [i, match] of exempt.entries()) {
    checkMatch(match, ['exempt', i], report)
    checkExempt(match, ['exempt', i], report)
  }
  for (const [name, { parts }] of Object.entries(subjects)) {
    if (new Set(parts.map((part) => JSON.stringify(part))).size < parts.length)
      report(['subjects', name, 'parts'], 'expected different parts, got one twice')
  }
  checkNames(policies ?? [], ['policies'], 'policy', report)
  for (const [i, policy] of (policies ?? []).entries()) checkPolicy(document, policy, ['policies', i], report)
  checkLabels(document, report)
  checkReferences(document, report)
  checkBounds(policies ?? [], report)
  return findings
}

const WITH_DELETED = new Set(['apiVersion', 'namespace', 'revision', 'deleted', 'description'])

function checkDeleted(document: PolicyDocument, report: Report): void {
  for (const [field, value] of Object.entries(document)) {
    if (value !== undefined && !WITH_DELETED.has(field)) report([field], 'expected nothing beside deleted: true; remove one of them')
  }
}

function checkPolicy(document: PolicyDocument, policy: PolicySpec, path: Path, report: Report): void {
  if (policy.active !== undefined) checkActive(policy.active, [...path, 'active'], report)
  checkNames(policy.rules, [...path, 'rules'], 'rule', report)
  for (const [i, rule] of policy.rules.entries()) checkRule(document, rule, [...path, 'rules', i], report)
  checkLimits(policy, path, report)
  checkOverrides(document, policy, path, report)
  checkRollout(document, policy, path, report)
}

function checkRule(document: PolicyDocument, rule: RuleSpec, path: Path, report: Report): void {
  const { match, active, limits, tiers } = rule
  if (match !== undefined) checkMatch(match, [...path, 'match'], report)
  if (active !== undefined) checkActive(active, [...path, 'active'], report)
  if ((limits === undefined) === (tiers === undefined)) report(path, 'expected either limits or tiers')
  if (tiers !== undefined) {
    if (document.tier === undefined)
      report([...path, 'tiers'], 'expected tier at the top of the document, which says where the tier is read')
    else if (!Object.hasOwn(tiers, document.tier.default))
      report([...path, 'tiers'], `expected the default tier "${document.tier.default}" among them`)
  }
  for (const { limit, path: at } of limitsOfRule(rule, path)) checkOneLimit(document, limit, at, report)
}

/** A rollout decides by one subject, so who is in it must be the same for all units of each limit. */
function checkRollout({ subjects = {} }: PolicyDocument, policy: PolicySpec, path: Path, report: Report): void {
  const { rollout } = policy
  if (rollout === undefined) return
  const by = subjects[rollout.by]
  if (by === undefined) return report([...path, 'rollout', 'by'], unknownSubject(rollout.by, subjects))
  for (const [i, rule] of policy.rules.entries()) {
    for (const { limit, path: at } of limitsOfRule(rule, [...path, 'rules', i])) {
      const subject = subjects[limit.subject]
      if (subject !== undefined && !contains(subject, by))
        report([...at, 'subject'], `expected a subject that contains "${rollout.by}", by which the rollout decides, got "${limit.subject}"`)
    }
  }
}

/** Columns of the table, and tests, name limits of the document. */
function checkReferences({ policies = [], columns = {}, tests = [] }: PolicyDocument, report: Report): void {
  const known = new Set(
    policies.flatMap((policy) => policy.rules.flatMap((rule) => limitsOfRule(rule, []).map(({ limit }) => `${policy.name}.${limit.name}`))),
  )
  for (const [column, name] of Object.entries(columns)) {
    if (!known.has(name)) report(['columns', column], `expected a limit of this document as <policy>.<limit>, got "${name}"`)
  }
  for (const [i, { expect }] of tests.entries()) {
    if (expect.refusedBy !== undefined && !known.has(expect.refusedBy))
      report(['tests', i, 'expect', 'refusedBy'], `expected a limit of this document as <policy>.<limit>, got "${expect.refusedBy}"`)
  }
}

function checkBounds(policies: readonly PolicySpec[], report: Report): void {
  const count = (of: (policy: PolicySpec) => number): number => policies.reduce((sum, policy) => sum + of(policy), 0)
  const rules = count((policy) => policy.rules.length)
  if (rules > MAX.rules) report(['policies'], `expected at most ${MAX.rules} rules in all, got ${rules}; split the namespace`)
  const overrides = count((policy) => policy.overrides?.length ?? 0)
  if (overrides > MAX.overrides)
    report(['policies'], `expected at most ${MAX.overrides} overrides in all, got ${overrides}; keep them in a table of clients`)
}
