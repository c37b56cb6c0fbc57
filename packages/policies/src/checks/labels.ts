import type { Report } from './common.ts'
import type { LimitSpec, PolicyDocument, RuleSpec } from '../document.ts'
import type { Path } from '../problems.ts'

/** The limits of a request by one rule, with what clients know each of them by: its name, and the text that they see. In lower case. */
interface List {
  readonly path: Path
  readonly limits: readonly { readonly limit: LimitSpec; readonly name: string; readonly texts: readonly string[] }[]
}

/**
 * Clients could not tell apart two limits of one response with one text. Of each policy, a request has the limits of one list. So a label
 * differs from what the other limits of its list show, and from all that other policies show.
 */
export function checkLabels({ namespace, policies = [] }: PolicyDocument, report: Report): void {
  const lists = policies.map((policy, p) => {
    const textsOf = (limit: LimitSpec) => {
      const name = `${policy.name}.${limit.name}`
      const shown = limit.label ?? (namespace === 'default' ? name : `${namespace}.${name}`)
      return { limit, name, texts: [name.toLowerCase(), shown.toLowerCase()] }
    }
    return policy.rules.flatMap((rule, r) =>
      listsOf(rule, ['policies', p, 'rules', r]).map(([path, limits]): List => ({ path, limits: limits.map(textsOf) })),
    )
  })
  /** By text: the policies that show it, and a limit of each that does. */
  const shownBy = new Map<string, Map<number, string>>()
  for (const [p, ofPolicy] of lists.entries()) {
    for (const { name, texts } of ofPolicy.flatMap(({ limits }) => limits)) {
      for (const text of texts) shownBy.set(text, (shownBy.get(text) ?? new Map<number, string>()).set(p, name))
    }
  }
  for (const [p, ofPolicy] of lists.entries()) {
    for (const { path, limits } of ofPolicy) {
      for (const [i, { limit, name }] of limits.entries()) {
        if (limit.label === undefined) continue
        const text = limit.label.toLowerCase()
        const beside = limits.find((each) => each.name !== name && each.texts.includes(text))?.name
        const other = beside ?? [...(shownBy.get(text) ?? [])].find(([policy]) => policy !== p)?.[1]
        if (other === undefined) continue
        const expected = 'expected a text that no other limit of a request shows, ignoring case'
        report([...path, i, 'label'], `${expected}, got "${limit.label}", which limit "${other}" has`)
      }
    }
  }
}

function listsOf({ limits, tiers = {} }: RuleSpec, path: Path): readonly (readonly [path: Path, limits: readonly LimitSpec[]])[] {
  const ofTiers = Object.entries(tiers).map(([tier, list]) => [[...path, 'tiers', tier], list] as const)
  return limits === undefined ? ofTiers : [[[...path, 'limits'], limits], ...ofTiers]
}
