// The descriptors that try a configuration: each path of it, with the values that it names and others, shorter, longer, and in another order.
import { parse } from 'yaml'

export interface Entry {
  readonly key: string
  readonly value: string
}
export type Entries = readonly Entry[]

interface Spec {
  readonly key: string
  readonly value?: string | number
  readonly descriptors?: readonly Spec[]
}

const OTHER = 'other value'
const UNKNOWN: Entry = { key: 'unknown', value: 'x' }

/** Without those for which a pattern of the configuration could be meant: the import has named each pattern, and left it out. */
export function descriptorsOf(config: string): readonly Entries[] {
  const { descriptors } = parse(config) as { readonly descriptors: readonly Spec[] }
  const found = new Map<string, Entries>()
  const add = (entries: Entries): void => void found.set(JSON.stringify(entries), entries)
  const walk = (list: readonly Spec[], above: Entries): void => {
    for (const { key, value, descriptors: below = [] } of list) {
      if (isPattern(value)) continue
      for (const each of new Set([String(value ?? OTHER), OTHER])) {
        if (list.some((spec) => spec.key === key && isPattern(spec.value) && each.startsWith(spec.value.slice(0, -1)))) continue
        const entries = [...above, { key, value: each }]
        add(entries)
        add([...entries, UNKNOWN])
        if (entries.length > 1) add(entries.toReversed())
        walk(below, entries)
      }
    }
  }
  walk(descriptors, [])
  add([UNKNOWN])
  return [...found.values()]
}

function isPattern(value: string | number | undefined): value is string {
  return typeof value === 'string' && value.endsWith('*')
}
