import type { Match, PolicyDocument } from '@sluice/policies'

/** The names of the headers that a document reads, in lower case. */
export function headersIn({ subjects = {}, exempt = [], policies = [] }: PolicyDocument): readonly string[] {
  const names = new Set<string>()
  for (const { parts } of Object.values(subjects))
    for (const part of parts) {
      if ('header' in part) names.add(part.header.toLowerCase())
      if ('cookie' in part) names.add('cookie')
    }
  const matches: readonly (Match | undefined)[] = [...exempt, ...policies.flatMap(({ rules }) => rules.map(({ match }) => match))]
  for (const match of matches) for (const name of Object.keys(match?.headers ?? {})) names.add(name.toLowerCase())
  for (const spec of policies.flatMap(({ rules }) =>
    rules.flatMap(({ limits = [], tiers = {} }) => [...limits, ...Object.values(tiers).flat()]),
  )) {
    const cost = 'cost' in spec ? spec.cost : undefined
    if (typeof cost === 'object' && 'header' in cost && typeof cost.header === 'string') names.add(cost.header.toLowerCase())
  }
  return [...names]
}
