import { matchesAddress, SluiceError } from '@sluice/core'
import { quoted } from '@sluice/core/adapter-kit'
import type { Match, Scalar, Values } from '../document.ts'
import { type Attributes, fieldOf, type RequestView } from '../request.ts'
import { type Digests, isDigest } from '../digest.ts'

/** What a condition may look at, beside the request. */
export interface Known {
  readonly attributes: Attributes
  /** The tier of the request; `undefined` where the document has no tiers. */
  readonly tier: string | undefined
}

/** Whether a request fulfils a condition. */
export type Condition<C> = (context: C, known: Known) => boolean

interface MatchContext<C> {
  readonly view: RequestView<C>
  readonly digests: Digests
}

/**
 * The conditions of a match but its paths, which an index finds. `isExempt`: an address holds only if it is certainly the client's.
 */
export function conditionOf<C>(match: Match, { view, digests }: MatchContext<C>, isExempt: boolean): Condition<C> {
  const { methods, hosts, routes, tiers, headers = {}, attributes = {}, addresses } = match
  const all: Condition<C>[] = []
  if (methods !== undefined) {
    const allowed = methods.includes('GET') ? [...methods, 'HEAD'] : methods
    all.push((context) => allowed.includes(view.method(context)))
  }
  if (hosts !== undefined) {
    const isHost = hostMatcher(hosts)
    all.push((context) => isHost(view.host?.(context) ?? ''))
  }
  if (routes !== undefined) {
    const known = new Set(routes)
    all.push((context) => {
      const route = view.route?.(context)
      if (route === undefined) throw routeUnknown(routes)
      return known.has(route)
    })
  }
  if (tiers !== undefined) {
    const known = new Set(tiers)
    all.push((_, { tier }) => tier !== undefined && known.has(tier))
  }
  for (const [name, expected] of Object.entries(headers)) {
    const isValue = valueMatcher(expected, digests)
    const lower = name.toLowerCase()
    all.push((context) => isValue(view.header(context, lower)))
  }
  for (const [name, expected] of Object.entries(attributes)) {
    const isValue = valueMatcher(expected, digests)
    const path = name.split('.')
    all.push((_, known) => isValue(fieldOf(known.attributes, path)))
  }
  if (addresses !== undefined) {
    const list = matchesAddress(addresses)
    all.push((context) => !(isExempt && view.isForwarded?.(context) === true) && list.matches(view.address(context)))
  }
  const [only] = all
  if (only === undefined) return always
  if (all.length === 1) return only
  return (context, known) => all.every((condition) => condition(context, known))
}

function always(): boolean {
  return true
}

/** A rule that never matches would be no limit, which nobody would notice. */
function routeUnknown(routes: readonly string[]): SluiceError {
  return new SluiceError(
    'ERR_POLICY_ROUTE',
    `match.routes: expected a framework that knows the route when the limiter runs, got none, for ${routes.map(quoted).join(', ')}; put rateLimit on the routes, or match paths`,
  )
}

function hostMatcher(hosts: readonly string[]): (host: string) => boolean {
  const exact = new Set(hosts.filter((host) => !host.startsWith('*.')).map((host) => host.toLowerCase()))
  const suffixes = hosts.filter((host) => host.startsWith('*.')).map((host) => host.slice(1).toLowerCase())
  return (given) => {
    const host = given.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
    return exact.has(host) || suffixes.some((suffix) => host.endsWith(suffix))
  }
}

function valueMatcher(values: Values, digests: Digests): (value: unknown) => boolean {
  const list: readonly Scalar[] = Array.isArray(values) ? values : [values]
  const [only] = list
  // Most rules name one value, and this runs for each rule of a request.
  if (list.length === 1 && !isDigest(only)) return (value) => value === only || (Array.isArray(value) && value.includes(only))
  const plain = new Set<unknown>(list.filter((value) => !isDigest(value)))
  const hashed = new Set<unknown>(list.filter(isDigest))
  const isOne = (value: unknown): boolean =>
    plain.has(value) || (hashed.size > 0 && typeof value === 'string' && hashed.has(digests.of(value)))
  // An attribute with several values, such as the roles of a user, matches by one of them.
  return (value) => (Array.isArray(value) ? value.some(isOne) : isOne(value))
}
