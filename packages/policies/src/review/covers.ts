import type { Match, Values } from '../document.ts'

/** Whether every request that fulfils `inner` fulfils `outer`, as far as the two texts show it. `undefined` is the match of all requests. */
export function covers(outer: Match | undefined, inner: Match | undefined): boolean {
  if (outer === undefined) return true
  const { hosts, methods, paths, routes, tiers, headers, attributes, addresses } = outer
  return (
    everyOf(hosts, inner?.hosts, coversHost) &&
    everyOf(methods, inner?.methods, (one, other) => one === other || (one === 'GET' && other === 'HEAD')) &&
    coversPaths(paths, outer.caseSensitive === true, inner) &&
    everyOf(routes, inner?.routes, isSame) &&
    everyOf(tiers, inner?.tiers, isSame) &&
    everyOf(addresses, inner?.addresses, isSame) &&
    coversValues(headers, inner?.headers, true) &&
    coversValues(attributes, inner?.attributes, false)
  )
}

/** Each of the inner values is covered by one of the outer ones. A field that is not there is no condition. */
function everyOf<T>(outer: readonly T[] | undefined, inner: readonly T[] | undefined, isCovered: (outer: T, inner: T) => boolean): boolean {
  if (outer === undefined) return true
  return inner !== undefined && inner.every((value) => outer.some((one) => isCovered(one, value)))
}

function isSame(one: unknown, other: unknown): boolean {
  return one === other
}

function coversHost(outer: string, inner: string): boolean {
  const [one, other] = [outer.toLowerCase(), inner.toLowerCase()]
  return one === other || (one.startsWith('*.') && other.endsWith(one.slice(1)))
}

function coversPaths(outer: readonly string[] | undefined, isExact: boolean, inner: Match | undefined): boolean {
  // Paths that differ by case are fewer than those that do not.
  if (outer !== undefined && isExact && inner?.caseSensitive !== true) return false
  const spelled = (path: string): string => (isExact ? path : path.toLowerCase())
  return everyOf(outer, inner?.paths, (one, other) => coversPath(spelled(one), spelled(other)))
}

function coversPath(outer: string, inner: string): boolean {
  const [one, other] = [segmentsOf(outer), segmentsOf(inner)]
  const isPrefix = one.at(-1) === '*'
  const own = isPrefix ? one.slice(0, -1) : one
  const isBelow = other.at(-1) === '*'
  const others = isBelow ? other.slice(0, -1) : other
  if (isPrefix ? others.length < own.length : isBelow || others.length !== own.length) return false
  return own.every((segment, i) => segment === '*' || segment.startsWith(':') || segment === others[i])
}

function segmentsOf(path: string): readonly string[] {
  const segments = path.slice(1).split('/')
  return segments.at(-1) === '' ? segments.slice(0, -1) : segments
}

function coversValues(
  outer: Readonly<Record<string, Values>> | undefined,
  inner: Readonly<Record<string, Values>> | undefined,
  isFolded: boolean,
): boolean {
  const named = (name: string): string => (isFolded ? name.toLowerCase() : name)
  const own = new Map(Object.entries(inner ?? {}).map(([name, values]) => [named(name), values]))
  return Object.entries(outer ?? {}).every(([name, values]) => {
    const others = own.get(named(name))
    return others !== undefined && [others].flat().every((value) => [values].flat().includes(value))
  })
}
