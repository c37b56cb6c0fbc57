import type { LimitSpec, RuleSpec } from '../document.ts'
import type { Path } from '../problems.ts'

/** Adds a finding. */
export type Report = (path: Path, message: string) => void

/** Each limit of a rule, of every tier, with its place. */
export function limitsOfRule(rule: RuleSpec, path: Path): readonly { readonly limit: LimitSpec; readonly path: Path }[] {
  const own = (rule.limits ?? []).map((limit, i) => ({ limit, path: [...path, 'limits', i] }))
  const tiers = Object.entries(rule.tiers ?? {}).flatMap(([tier, limits]) =>
    limits.map((limit, i) => ({ limit, path: [...path, 'tiers', tier, i] })),
  )
  return [...own, ...tiers]
}

/** Names that differ only in case would be one name in headers. */
export function checkNames(named: readonly { readonly name: string }[], path: Path, what: string, report: Report): void {
  const seen = new Set<string>()
  for (const [i, { name }] of named.entries()) {
    const lower = name.toLowerCase()
    if (seen.has(lower)) report([...path, i, 'name'], `expected a different name for each ${what}, ignoring case, got "${name}" twice`)
    seen.add(lower)
  }
}

export function unknownSubject(name: string, subjects: Readonly<Record<string, unknown>>): string {
  const known = Object.keys(subjects)
  return `expected a name in subjects (${known.length === 0 ? 'there is none' : known.slice(0, 10).join(', ')}), got "${name}"`
}
