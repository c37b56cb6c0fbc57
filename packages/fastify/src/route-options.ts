import type { Limiter } from '@sluice/core'
import { derivedName, hashedName } from '@sluice/core/adapter-kit'
import type { FastifyLimitOptions } from './options.ts'

type Name = keyof FastifyLimitOptions

const QUANTITIES = ['limit', 'window'] as const satisfies readonly Name[]
const LISTS = ['limits', 'tiers'] as const satisfies readonly Name[]
const DEFINING = [...QUANTITIES, ...LISTS, 'name', 'label', 'store', 'mode', 'failMode', 'on'] as const satisfies readonly Name[]
/** What a document of policies says. */
const SUBJECTS = ['key', 'missing', 'ipv6Prefix'] as const satisfies readonly Name[]

/**
 * The options of a route over those of the plugin. An option that defines a limiter gives the route its own limiter, called `name`.
 * With other options (`cost`, `hook`, `message`…) the route shares the quota of the plugin, or its policies.
 */
export function inheritOptions(
  base: FastifyLimitOptions,
  limiter: Limiter,
  own: FastifyLimitOptions,
  name: string | undefined,
): FastifyLimitOptions {
  if (own.policies !== undefined) return { ...without(base, [...DEFINING, ...SUBJECTS, 'limiter', 'tier']), ...own }
  const hasAny = (names: readonly Name[]): boolean => names.some((each) => own[each] !== undefined)
  if (!hasAny(DEFINING)) return base.policies === undefined ? { ...without(base, DEFINING), limiter, ...own } : { ...base, ...own }
  const replaced: Name[] = []
  if (hasAny([...QUANTITIES, ...LISTS])) replaced.push('limiter', ...LISTS)
  if (hasAny(LISTS)) replaced.push(...QUANTITIES)
  if (replaced.length > 0 && own.tiers === undefined) replaced.push('tier')
  // The label of the plugin may show its numbers, which are not those of the route.
  return { ...without(base, [...replaced, 'label', 'policies', 'attributes']), name, ...own }
}

function without(options: FastifyLimitOptions, names: readonly Name[]): FastifyLimitOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !(names as readonly string[]).includes(name)))
}

/** What distinguishes a route from the others of its app. */
export interface RouteIdentity {
  /** `undefined` for the handler of requests that match no route. */
  readonly url?: string | undefined
  readonly method?: string | readonly string[] | undefined
  /** Such as `{ version: '2.0.0' }`: two routes may differ in them alone. */
  readonly constraints?: Readonly<Record<string, unknown>> | undefined
}

/**
 * The name of a route's limiter, such as `GET.users._id`: the same in every process. Ends with a hash if it was cut, or if another route
 * could have the same text.
 */
export function limiterName({ url, method, constraints }: RouteIdentity): string {
  if (url === undefined) return 'notFound'
  const methods = [method ?? []].flat()
  const segments = url === '/' ? [] : url.split('/').slice(url.startsWith('/') ? 1 : 0)
  const constrained = constraintsOf(constraints)
  const text = [methods.join('-'), ...segments].join('.') + constrained.map(([, value]) => `-${value}`).join('')
  const plain = text.replaceAll(/[^A-Za-z0-9_.-]/g, '_')
  const source = JSON.stringify([methods, url, constrained])
  const isUnique =
    constrained.length === 0 && url.startsWith('/') && methods.every((each) => /^[A-Z]+$/.test(each)) && segments.every(isPlainSegment)
  return isUnique ? derivedName(plain, source) : hashedName(plain, source)
}

/** Equal for the routes that share the quota of one options object: a route, its `HEAD` route, and itself with a trailing slash. */
export function sharingKey({ url = '', constraints }: RouteIdentity): string {
  return JSON.stringify([url.replace(/\/$/, ''), constraintsOf(constraints)])
}

/** Text, a parameter or a wildcard. Text that begins with `_` would look like a parameter, and a dot in it like a slash. */
function isPlainSegment(segment: string): boolean {
  return segment === '*' || /^(?::[\w-]+|[A-Za-z0-9-][\w-]*)$/.test(segment)
}

function constraintsOf(constraints: RouteIdentity['constraints'] = {}): readonly (readonly [name: string, value: string])[] {
  const textOf = (value: unknown) => (typeof value === 'string' || value instanceof RegExp ? String(value) : (JSON.stringify(value) ?? ''))
  return Object.entries(constraints)
    .map(([name, value]) => [name, textOf(value)] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
}
