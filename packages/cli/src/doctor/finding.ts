/** What a check found. `ok` and `note` need no change. */
export type Level = 'ok' | 'note' | 'warning' | 'problem'

/** One line of the report. */
export interface Finding {
  /** What was looked at, in one word. */
  readonly check: string
  readonly level: Level
  readonly found: string
  /** What to change, or what it means. */
  readonly advice?: string | undefined
  /** The nodes of a Cluster for which it holds; absent for one server, and for all of them together. */
  readonly nodes?: readonly string[] | undefined
}

/** One finding for the nodes that have the same. */
export function merged(byNode: readonly (readonly [node: string, findings: readonly Finding[]])[]): readonly Finding[] {
  const all = new Map<string, Finding & { readonly nodes: string[] }>()
  for (const [node, findings] of byNode)
    for (const finding of findings) {
      const key = JSON.stringify(finding)
      const known = all.get(key)
      if (known === undefined) all.set(key, { ...finding, nodes: [node] })
      else known.nodes.push(node)
    }
  // In the order of the checks, not of the nodes.
  const order = [...new Set(byNode.flatMap(([, findings]) => findings.map(({ check }) => check)))]
  return [...all.values()]
    .toSorted((a, b) => order.indexOf(a.check) - order.indexOf(b.check))
    .map(({ nodes, ...finding }) => (nodes.length === byNode.length ? finding : { ...finding, nodes }))
}

export function needsChange({ level }: Finding): boolean {
  return level === 'warning' || level === 'problem'
}
