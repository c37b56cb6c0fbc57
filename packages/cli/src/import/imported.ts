import type { LimitSpec, PolicySpec, SubjectSpec } from '@sluice/policies'

/** What could not be taken over, and where it stands. */
export interface ImportNote {
  readonly line: number | undefined
  readonly message: string
}

/** A document made from another format. */
export interface Imported {
  /** Not yet checked. */
  readonly text: string
  readonly notes: readonly ImportNote[]
}

/** Collects what a document has, under names that are valid and differ. */
export class DocumentBuilder {
  readonly subjects: Record<string, SubjectSpec> = {}
  readonly policies: PolicySpec[] = []
  readonly notes: ImportNote[] = []

  note(line: number | undefined, message: string): void {
    this.notes.push({ line, message })
  }

  /** The name of a subject with these parts. Equal parts are one subject. */
  subject(wanted: string, spec: SubjectSpec): string {
    const text = JSON.stringify(spec)
    const known = Object.entries(this.subjects).find(([, other]) => JSON.stringify(other) === text)
    if (known !== undefined) return known[0]
    const name = unique(nameOf(wanted, 64), (each) => Object.hasOwn(this.subjects, each), 64)
    this.subjects[name] = spec
    return name
  }

  /** A name for a policy that no other one has. Names that differ in case only are one name in headers. */
  policyName(wanted: string): string {
    const taken = new Set(this.policies.map(({ name }) => name.toLowerCase()))
    return unique(nameOf(wanted, 31), (each) => taken.has(each.toLowerCase()), 31)
  }
}

/** A text as a name: a letter, then letters, digits, `_` and `-`. */
export function nameOf(text: string, length: number): string {
  const plain = text.replaceAll(/[^A-Za-z0-9_-]+/g, '-').replaceAll(/^[^A-Za-z]+|-+$/g, '')
  return (plain === '' ? 'imported' : plain).slice(0, length)
}

function unique(name: string, isTaken: (name: string) => boolean, length: number): string {
  let found = name
  for (let i = 2; isTaken(found); i++) found = `${name.slice(0, length - String(i).length - 1)}-${i}`
  return found
}

/** Limits of one name in several rules are one counter, which both rules must say. */
export function sharing(policy: PolicySpec): PolicySpec {
  const counts = new Map<string, number>()
  for (const { limits = [] } of policy.rules) for (const { name } of limits) counts.set(name, (counts.get(name) ?? 0) + 1)
  const shared = (limit: LimitSpec): LimitSpec => ((counts.get(limit.name) ?? 0) > 1 ? { ...limit, shared: true } : limit)
  return { ...policy, rules: policy.rules.map((rule) => (rule.limits === undefined ? rule : { ...rule, limits: rule.limits.map(shared) })) }
}
