import { ODD, pathForms, pathOf, trimmed } from './path-forms.ts'

interface Node<T> {
  readonly children: Map<string, Node<T>>
  any: Node<T> | undefined
  readonly here: T[]
  readonly below: T[]
}

/** Values in order, and what is made of them. */
interface Found<T, F> {
  readonly values: readonly T[]
  readonly made: F
}

/** The nodes that some first segments of a path lead to. It knows where each next segment leads, once a path had it. */
interface State<T, F> {
  readonly nodes: readonly Node<T>[]
  /** The values of this path and of all paths below it. */
  readonly below: Found<T, F>
  /** The values of this path. */
  readonly found: Found<T, F>
  /** Where the segments lead that a pattern names. */
  readonly next: Map<string, State<T, F>>
  /** Where every other segment leads. */
  other: State<T, F> | undefined
}

/** Finds the values whose patterns match a path. Its time depends on the length of the path, not on the number of patterns. */
export class PathIndex<T, F> {
  private readonly exact = newNode<T>()
  private readonly folded = newNode<T>()
  private readonly orders = new Map<T, number>()
  private readonly make: (values: readonly T[]) => F
  private hasExact = false
  private roots: { readonly exact: State<T, F>; readonly folded: State<T, F> } | undefined
  private states = 0

  /** @param make what is found, of the values in order. Paths of one form share it */
  constructor(make: (values: readonly T[]) => F) {
    this.make = make
  }

  /**
   * @param pattern `/a/b`, with `*` or `:name` for one segment, or `/*` at the end for all below, and the path itself; `undefined` for
   * every path
   */
  add(pattern: string | undefined, caseSensitive: boolean, value: T): void {
    this.roots = undefined
    if (!this.orders.has(value)) this.orders.set(value, this.orders.size)
    if (pattern === undefined) {
      this.folded.below.push(value)
      return
    }
    this.hasExact ||= caseSensitive
    let node = caseSensitive ? this.exact : this.folded
    const segments = trimmed((caseSensitive ? pattern : pattern.toLowerCase()).slice(1).split('/'))
    for (const [i, segment] of segments.entries()) {
      if (segment === '*' && i === segments.length - 1) {
        node.below.push(value)
        return
      }
      node = childOf(node, segment)
    }
    node.here.push(value)
  }

  /** What is made of the values of a path: each once, in the order in which they were added. */
  find(target: string): F {
    const { exact, folded } = (this.roots ??= this.newRoots())
    const path = pathOf(target)
    // Nearly every path has one form. Splitting it would make a list for each request.
    if (!this.hasExact && !path.includes('%') && !ODD.test(path)) return this.alongText(folded, path.toLowerCase())
    const found = new Set<T>()
    for (const form of pathForms(path, false)) for (const value of this.along(folded, form)) found.add(value)
    if (this.hasExact) for (const form of pathForms(path, true)) for (const value of this.along(exact, form)) found.add(value)
    return this.make(this.sorted(found))
  }

  /** Drops what is remembered of paths. */
  forget(): void {
    this.roots = undefined
  }

  private alongText(root: State<T, F>, path: string): F {
    let state = root
    for (let start = 1; start < path.length && state.nodes.length > 0;) {
      const slash = path.indexOf('/', start)
      const end = slash < 0 ? path.length : slash
      state = this.step(state, path.slice(start, end))
      start = end + 1
    }
    return (state.nodes.length > 0 ? state.found : state.below).made
  }

  private along(root: State<T, F>, segments: readonly string[]): readonly T[] {
    return segments.reduce((state, segment) => this.step(state, segment), root).found.values
  }

  private step(state: State<T, F>, segment: string): State<T, F> {
    const known = state.next.get(segment)
    if (known !== undefined) return known
    if (!state.nodes.some(({ children }) => children.has(segment))) return (state.other ??= this.newState(state, segment))
    const next = this.newState(state, segment)
    state.next.set(segment, next)
    return next
  }

  private newState({ nodes, below }: State<T, F>, segment: string): State<T, F> {
    const next = nodes.flatMap(({ children, any }) => [children.get(segment), any].filter((node) => node !== undefined))
    // A client chooses the paths, so it must not choose how much is remembered.
    if (++this.states > MAX_STATES) this.forget()
    return this.stateOf(next, below)
  }

  private stateOf(nodes: readonly Node<T>[], above: Found<T, F>): State<T, F> {
    const below = this.with(
      above,
      nodes.flatMap((node) => node.below),
    )
    const found = this.with(
      below,
      nodes.flatMap((node) => node.here),
    )
    return { nodes, below, found, next: new Map(), other: undefined }
  }

  private with(found: Found<T, F>, more: readonly T[]): Found<T, F> {
    return more.length === 0 ? found : this.foundOf(this.sorted([...found.values, ...more]))
  }

  private foundOf(values: readonly T[]): Found<T, F> {
    return { values, made: this.make(values) }
  }

  private newRoots(): { readonly exact: State<T, F>; readonly folded: State<T, F> } {
    this.states = 0
    const none = this.foundOf([])
    return { exact: this.stateOf([this.exact], none), folded: this.stateOf([this.folded], none) }
  }

  private sorted(values: Iterable<T>): readonly T[] {
    return [...new Set(values)].toSorted((a, b) => (this.orders.get(a) ?? 0) - (this.orders.get(b) ?? 0))
  }
}

const MAX_STATES = 10_000

function newNode<T>(): Node<T> {
  return { children: new Map(), any: undefined, here: [], below: [] }
}

function childOf<T>(node: Node<T>, segment: string): Node<T> {
  if (segment === '*' || segment.startsWith(':')) return (node.any ??= newNode())
  const known = node.children.get(segment)
  if (known !== undefined) return known
  const child = newNode<T>()
  node.children.set(segment, child)
  return child
}
