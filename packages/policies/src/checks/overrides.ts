import { limitsOfRule, type Report, unknownSubject } from './common.ts'
import { checkRule } from './limits.ts'
import { withNumbers } from '../compile/limit-rules.ts'
import { isDigest } from '../digest.ts'
import type { LimitSpec, NumbersSpec, OverrideSpec, PolicyDocument, PolicySpec, SubjectSpec } from '../document.ts'
import type { Path } from '../problems.ts'
import { contains, isForgeable } from '../subjects.ts'
import { checkInstant } from './schedule.ts'

/** Checks the overrides of a policy: whom they are for, what they change, and whether a client could claim them. */
export function checkOverrides(document: PolicyDocument, policy: PolicySpec, path: Path, report: Report): void {
  const byName = new Map<string, LimitSpec[]>()
  for (const rule of policy.rules)
    for (const { limit } of limitsOfRule(rule, [])) byName.set(limit.name, [...(byName.get(limit.name) ?? []), limit])
  const tiers = new Set(policy.rules.flatMap((rule) => Object.keys(rule.tiers ?? {})))
  const seen = new Set<string>()
  for (const [i, override] of (policy.overrides ?? []).entries()) {
    const at = [...path, 'overrides', i]
    checkOverride(document, override, { byName, tiers }, at, report)
    const id = JSON.stringify([override.subject, override.is, override.startsWith, override.percent])
    if (seen.has(id)) report(at, 'expected one override for these subjects, got two')
    seen.add(id)
  }
}

interface Known {
  readonly byName: ReadonlyMap<string, readonly LimitSpec[]>
  readonly tiers: ReadonlySet<string>
}

function checkOverride({ subjects = {} }: PolicyDocument, override: OverrideSpec, known: Known, path: Path, report: Report): void {
  const { is, startsWith, percent, limits, tier, exempt, until } = override
  if (count(is, startsWith, percent) !== 1) report(path, 'expected one of is, startsWith and percent')
  if (count(limits, tier, exempt) !== 1) report(path, 'expected one of limits, tier and exempt')
  if (is?.startsWith('sha256:') === true && !isDigest(is)) report([...path, 'is'], 'expected 64 hexadecimal digits after sha256:')
  checkInstant(until, [...path, 'until'], report)
  if (tier !== undefined && !known.tiers.has(tier)) report([...path, 'tier'], `expected a tier of a rule of this policy, got "${tier}"`)
  const subject = Object.hasOwn(subjects, override.subject) ? subjects[override.subject] : undefined
  if (subject === undefined) return report([...path, 'subject'], unknownSubject(override.subject, subjects))
  checkNumbers(subjects, subject, override, known, path, report)
  const loosens = exempt === true || tier !== undefined || isRaised(limits ?? {}, known)
  if (isForgeable(subject) && !isDigest(is) && (loosens || startsWith !== undefined)) {
    report(
      [...path, 'subject'],
      `expected a subject that a client cannot choose, since this override can be claimed; use an attribute, is: sha256:<hex>, or trusted: true`,
    )
  }
}

/** An override counts per its own subject. Over a limit of a smaller subject, it would change the limit of others too. */
function checkNumbers(
  subjects: Readonly<Record<string, SubjectSpec>>,
  own: SubjectSpec,
  { subject, limits = {} }: OverrideSpec,
  { byName }: Known,
  path: Path,
  report: Report,
): void {
  for (const [name, numbers] of Object.entries(limits)) {
    const at = [...path, 'limits', name]
    const uses = byName.get(name)
    if (uses === undefined) {
      report(at, `expected a limit of this policy (${[...byName.keys()].slice(0, 10).join(', ')}), got "${name}"`)
      continue
    }
    if (count(numbers.limit, numbers.burst) === 0) report(at, 'expected limit or burst')
    if (numbers.burst !== undefined && !uses.every(({ algorithm }) => algorithm === 'tokenBucket' || algorithm === 'leakyBucket'))
      report([...at, 'burst'], 'expected a bucket: only tokenBucket and leakyBucket have a burst')
    // Once is enough, also where two tiers cannot have them.
    uses.every((use) => checkRule(withNumbers(use, numbers), at, report))
    const narrow = uses.find((use) => Object.hasOwn(subjects, use.subject) && !contains(subjects[use.subject] as SubjectSpec, own))
    if (narrow !== undefined)
      report(
        at,
        `expected a limit whose subject contains "${subject}", got one of "${narrow.subject}": it would change the limit of others`,
      )
  }
}

function isRaised(limits: Readonly<Record<string, NumbersSpec>>, { byName }: Known): boolean {
  return Object.entries(limits).some(([name, numbers]) =>
    (byName.get(name) ?? []).some((use) => {
      const burst = 'burst' in use ? (use.burst ?? use.limit) : use.limit
      return (numbers.limit ?? 0) > use.limit || (numbers.burst ?? 0) > burst
    }),
  )
}

function count(...values: readonly unknown[]): number {
  return values.filter((value) => value !== undefined).length
}
