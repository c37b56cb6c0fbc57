/**
 * The forms in which a framework may see the path of a request target, each as segments. A rule matches if it matches one of them: a
 * framework that reads a path in another way than the limiter would otherwise be a way around the limit.
 *
 * Segments are decoded once, so an encoded slash is part of its segment. Nearly every path has one form.
 */
function pathForms(target: string, caseSensitive: boolean): readonly (readonly string[])[] {
  const text = pathOf(target)
  // After it is decoded, since a decoded letter may be a capital.
  const segmentsOf = (path: string): readonly string[] =>
    path
      .slice(1)
      .split('/')
      .map((segment) => (caseSensitive ? decoded(segment) : decoded(segment).toLowerCase()))
  if (!ODD.test(text)) return [trimmed(segmentsOf(text))]
  const forms: (readonly string[])[] = []
  // Some servers read what follows a semicolon as parameters of its segment, others as the query.
  const cuts = text.includes(';') ? [text, text.replaceAll(/;[^/]*/g, ''), text.slice(0, text.indexOf(';'))] : [text]
  for (const cut of cuts) {
    const plain = segmentsOf(cut)
    // As `new URL()` reads it: a backslash is a slash.
    const resolved = withoutDots(segmentsOf(cut.replaceAll('\\', '/')))
    for (const form of [plain, resolved]) forms.push(trimmed(form), trimmed(form.filter((segment) => segment !== '')))
  }
  return forms
}

/** What servers read in different ways: dots, backslashes, empty segments, parameters. */
const ODD = /\/\.|%2e|\\|\/\/|;/i

/** The path of a request target: without origin, query and fragment. */
function pathOf(target: string): string {
  let start = 0
  if (!target.startsWith('/')) {
    // The absolute form, as a proxy is asked. A target without a path is the root.
    const authority = target.indexOf('://')
    start = authority < 0 ? 0 : target.indexOf('/', authority + 3)
    if (start < 0) return '/'
  }
  let end = start
  while (end < target.length && target[end] !== '?' && target[end] !== '#') end++
  const path = start === 0 && end === target.length ? target : target.slice(start, end)
  return path.startsWith('/') ? path : `/${path}`
}

function decoded(segment: string): string {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

function withoutDots(segments: readonly string[]): readonly string[] {
  const kept: string[] = []
  for (const segment of segments) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
  }
  return kept
}

/** Without the empty segment of a trailing slash. */
function trimmed(segments: readonly string[]): readonly string[] {
  return segments.length > 0 && segments.at(-1) === '' ? segments.slice(0, -1) : segments
}

interface Node<T> {
  readonly children: Map<string, Node<T>>
  any: Node<T> | undefined
  readonly here: T[]
  readonly below: T[]
}

/** Finds the values whose patterns match a path. Its time depends on the length of the path, not on the number of patterns. */
export class PathIndex<T> {
  private readonly exact = newNode<T>()
  private readonly folded = newNode<T>()
  private hasExact = false

  /** @param pattern `/a/b`, with `*` or `:name` for one segment, or `/*` at the end for all below, and the path itself */
  add(pattern: string, caseSensitive: boolean, value: T): void {
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

  /** Each value once. */
  find(target: string): ReadonlySet<T> {
    const found = new Set<T>()
    for (const form of pathForms(target, false)) collect(this.folded, form, 0, found)
    if (this.hasExact) for (const form of pathForms(target, true)) collect(this.exact, form, 0, found)
    return found
  }
}

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

function collect<T>(node: Node<T>, segments: readonly string[], index: number, found: Set<T>): void {
  for (const value of node.below) found.add(value)
  if (index === segments.length) {
    for (const value of node.here) found.add(value)
    return
  }
  const child = node.children.get(segments[index] as string)
  if (child !== undefined) collect(child, segments, index + 1, found)
  if (node.any !== undefined) collect(node.any, segments, index + 1, found)
}
