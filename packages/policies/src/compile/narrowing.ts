import type { Match } from '../document.ts'
import { isDigest } from '../digest.ts'
import { type Attributes, fieldOf } from '../request.ts'

/** The values that a match allows of attributes, by the name of the attribute. Only what can be compared without a digest. */
export type AllowedValues = ReadonlyMap<string, ReadonlySet<unknown>>

/** What can be left out for a request whose attributes have other values. */
export interface Narrowable {
  /** `undefined`: it has to be looked at for any attributes. */
  readonly allowed: AllowedValues | undefined
}

/** An attribute that fewer rules name is cheaper to compare rule by rule. */
const MIN_RULES = 8
/** Each attribute costs a look-up. Those that most rules name come first. */
const MAX_ATTRIBUTES = 4
/** So many entries of lists are remembered for all paths of a document. */
const MAX_ENTRIES = 1_000_000

/** The values that a match allows of attributes. `undefined`: it names none that an index can use. */
export function allowedValues({ attributes = {}, routes }: Match): AllowedValues | undefined {
  // A rule by routes has to be looked at: it throws where the framework knows no route.
  if (routes !== undefined) return undefined
  const allowed = new Map<string, ReadonlySet<unknown>>()
  for (const [name, values] of Object.entries(attributes)) {
    const list: readonly unknown[] = Array.isArray(values) ? values : [values]
    if (!list.some(isDigest)) allowed.set(name, new Set(list))
  }
  return allowed.size === 0 ? undefined : allowed
}

/** How much the lists of one document remember. */
export class Remembered {
  private entries = 0

  /** Adds entries. Returns false, and begins again, where there are too many: then all lists have to be forgotten. */
  add(entries: number): boolean {
    this.entries += entries
    if (this.entries <= MAX_ENTRIES) return true
    this.entries = 0
    return false
  }
}

interface Node<T> {
  readonly list: readonly T[]
  /** By the value of the next attribute: one that a rule names. */
  readonly next: Map<unknown, Node<T>>
  /** For a value that no rule names. */
  other: Node<T> | undefined
  /** For a list of values, such as roles, of which any may match. */
  several: Node<T> | undefined
}

interface IndexedAttribute {
  readonly name: string
  readonly path: readonly string[]
  /** All values that a rule names. Only these get a node of their own, since an application may pass on what a client has sent. */
  readonly named: ReadonlySet<unknown>
}

/** A list in order, from which attributes choose a part. Its time does not depend on how many rules name an attribute. */
export class Narrowing<T extends Narrowable> {
  private readonly all: readonly T[]
  private readonly remembered: Remembered
  private readonly onFull: () => void
  private isFirst = true
  private attributes: readonly IndexedAttribute[] | undefined
  private root: Node<T>

  constructor(all: readonly T[], remembered: Remembered, onFull: () => void) {
    this.all = all
    this.remembered = remembered
    this.onFull = onFull
    this.root = newNode(all)
  }

  /** Those that these attributes may match, in order: each one that does, and others that name no indexed attribute. */
  by(attributes: Attributes): readonly T[] {
    if (this.attributes === undefined) {
      // The list of an odd path is used once, and comparing costs less than an index.
      if (this.all.length < MIN_RULES || this.isFirst) {
        this.isFirst = false
        return this.all
      }
      this.attributes = indexedOf(this.all)
    }
    let node = this.root
    for (let i = 0; i < this.attributes.length; i++) {
      const attribute = this.attributes[i] as IndexedAttribute
      const value = fieldOf(attributes, attribute.path)
      node = node.next.get(value) ?? this.step(node, attribute, value)
    }
    return node.list
  }

  private step(node: Node<T>, { name, named }: IndexedAttribute, value: unknown): Node<T> {
    if (Array.isArray(value)) return (node.several ??= this.newNode(node.list))
    if (!named.has(value)) return (node.other ??= this.newNode(node.list.filter(({ allowed }) => allowed?.has(name) !== true)))
    const next = this.newNode(node.list.filter(({ allowed }) => allowed?.get(name)?.has(value) !== false))
    node.next.set(value, next)
    return next
  }

  private newNode(list: readonly T[]): Node<T> {
    if (!this.remembered.add(list.length + 1)) this.onFull()
    return newNode(list)
  }
}

function newNode<T>(list: readonly T[]): Node<T> {
  return { list, next: new Map(), other: undefined, several: undefined }
}

/** The attributes that enough rules name, the most frequent first. */
function indexedOf(all: readonly Narrowable[]): readonly IndexedAttribute[] {
  const found = new Map<string, { rules: number; readonly named: Set<unknown> }>()
  for (const { allowed } of all) {
    for (const [name, values] of allowed ?? []) {
      const each = found.get(name) ?? { rules: 0, named: new Set() }
      found.set(name, each)
      each.rules += 1
      for (const value of values) each.named.add(value)
    }
  }
  return [...found]
    .filter(([, { rules }]) => rules >= MIN_RULES)
    .toSorted(([, a], [, b]) => b.rules - a.rules)
    .slice(0, MAX_ATTRIBUTES)
    .map(([name, { named }]) => ({ name, path: name.split('.'), named }))
}
