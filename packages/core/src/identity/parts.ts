import { invalid } from '../errors.ts'
import { knownOptions } from '../known-options.ts'
import { chain } from '../runtime.ts'
import { detach } from '../detach.ts'
import { addressUnknown } from './address-unknown.ts'
import type { KeyFunction, Part } from './part.ts'
import type { RequestFacts } from './request-facts.ts'

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

// One object for all: the limits of a request that share a part read it once.
const CLIENT: Part<any> = Object.freeze({
  name: 'ip',
  address: true,
  read(context: any, facts: RequestFacts<any>): string {
    const address = facts.address(context)
    if (address === undefined) throw addressUnknown(facts, context)
    return address
  },
})

/**
 * Limits by the client's address; an IPv6 address by its prefix. With `read`, the address comes from elsewhere, such as a header of
 * the platform. Read only a header that the platform always overwrites: any other can be forged.
 * @throws ERR_OPTION_INVALID; on a request without an address, ERR_ADDRESS_UNKNOWN
 * @example
 * ```ts
 * import { ip, rateLimit } from '@sluice/express'
 *
 * const byConnection = rateLimit({ key: ip() })
 * const byPlatform = rateLimit({ name: 'edge', key: ip((req) => req.get('fly-client-ip')) })
 * ```
 */
export function ip<C = any>(read?: KeyFunction<C>): Part<C> {
  if (read === undefined) return CLIENT
  return part({ name: 'ip', address: true, read: reader('ip', read) })
}

/**
 * Limits by a request header; its name may be in any case. Clients can send any value, so add a limit by `ip()` unless something
 * else checks the header. It is a credential if its name contains `authorization`, `key` or `token`.
 * @throws ERR_OPTION_INVALID
 * @example
 * ```ts
 * import { header, rateLimit } from '@sluice/express'
 *
 * const byApiKey = rateLimit({ limit: 1_000, window: '1h', key: header('x-api-key'), missing: 'reject' })
 * ```
 */
export function header(name: string): Part<any> {
  const lower = token('header', name, 'x-api-key').toLowerCase()
  const credential = ['authorization', 'key', 'token'].some((word) => lower.includes(word))
  return part({ name: `header:${lower}`, credential, read: (context, facts) => facts.header(context, lower) || undefined })
}

/**
 * Limits by a cookie: the first with this name, case-sensitive, without surrounding quotes. It is a credential.
 * @throws ERR_OPTION_INVALID
 * @example
 * ```ts
 * import { cookie, rateLimit } from '@sluice/express'
 *
 * const bySession = rateLimit({ key: cookie('session') })
 * ```
 */
export function cookie(name: string): Part<any> {
  token('cookie', name, 'session')
  return part({ name: `cookie:${name}`, credential: true, read: (context, facts) => cookieOf(facts.header(context, 'cookie') ?? '', name) })
}

/** Options of `body()`. */
export interface BodyOptions {
  /**
   * True: `' Bob@Example.com'` and `'bob@example.com'` are one value. White space around it is removed, and it is in lower case and in
   * the Unicode form NFKC. Use it for e-mail addresses and names of accounts; a value above 1,000 characters stays as it is. Default: false.
   */
  readonly lower?: boolean | undefined
}

/**
 * Limits by a field of the parsed body, by its path: `'email'` or `'user.email'`. The value must be text, a finite number or a
 * boolean; any other value counts as missing. The body must be parsed before the limiter runs.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { body, rateLimit, slidingLog } from '@sluice/express'
 * import express from 'express'
 *
 * const app = express()
 * const byAccount = slidingLog({ name: 'account', limit: 5, window: '15m', key: body('email', { lower: true }) })
 * app.post('/login', express.json(), rateLimit({ name: 'login', limits: [byAccount] }))
 * ```
 */
export function body(field: string, options: BodyOptions = {}): Part<any> {
  const path = typeof field === 'string' ? field.split('.') : ['']
  if (path.includes('')) throw invalid('body', "the path of a field, such as 'email' or 'user.email'", field)
  knownOptions('body', options, ['lower'])
  const { lower } = options
  if (lower !== undefined && typeof lower !== 'boolean') throw invalid('body: lower', 'true or false', lower)
  return part({ name: `body:${field}`, lower, read: (context, facts) => chain(facts.body?.(context), (parsed) => fieldOf(parsed, path)) })
}

/** A client can send any other method to a route for all methods, and would have a quota for each. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * Limits by the method and the pattern of the route: `GET /users/:id`. No text of the request is used: `HEAD` counts as `GET`, an unusual
 * method as `*`. Where the framework has matched no route, all paths share `*`, so put the limiter on the routes.
 * @example
 * ```ts
 * import { ip, rateLimit, route } from '@sluice/express'
 *
 * // Every client has its own limit for every route.
 * const perRoute = rateLimit({ limit: 20, window: '1m', key: [ip(), route()] })
 * ```
 */
export function route(): Part<any> {
  return part({ name: 'route', read: (context, facts) => `${methodOf(facts.method(context))} ${facts.route?.(context) ?? '*'}` })
}

/**
 * Limits by the user that your authentication found: `read` returns the id, or `undefined` without a user. It is a credential.
 * @throws ERR_OPTION_INVALID
 * @example
 * ```ts
 * import { type ExpressRequest, rateLimit, user } from '@sluice/express'
 *
 * type Authenticated = ExpressRequest & { readonly user?: { readonly id: string } }
 * const byUser = rateLimit({ key: user((req: Authenticated) => req.user?.id), missing: 'address' })
 * ```
 */
export function user<C = any>(read: KeyFunction<C>): Part<C> {
  return part({ name: 'user', credential: true, verified: true, read: reader('user', read) })
}

function part<C>(fields: Part<C>): Part<C> {
  return Object.freeze(fields)
}

/** Passes the context only, so that a user's function cannot depend on `RequestFacts`. */
function reader<C>(what: string, read: KeyFunction<C>): KeyFunction<C> {
  if (typeof read !== 'function') throw invalid(what, 'a function from the request or context to text', read)
  return (context) => read(context)
}

function token(what: string, name: string, example: string): string {
  if (typeof name !== 'string' || !TOKEN.test(name)) throw invalid(what, `a name such as '${example}'`, name)
  return name
}

function methodOf(method: string): string {
  return method === 'HEAD' ? 'GET' : METHODS.has(method) ? method : '*'
}

function cookieOf(text: string, name: string): string | undefined {
  for (let start = 0; start < text.length;) {
    const semicolon = text.indexOf(';', start)
    const end = semicolon < 0 ? text.length : semicolon
    const equals = text.indexOf('=', start)
    if (equals >= 0 && text.slice(start, equals).trim() === name) {
      const value = text.slice(equals + 1, end).trim()
      const quoted = value.length > 1 && value.startsWith('"') && value.endsWith('"')
      return detach(quoted ? value.slice(1, -1) : value) || undefined
    }
    start = end + 1
  }
  return undefined
}

function fieldOf(parsed: unknown, path: readonly string[]): string | undefined {
  let value = parsed
  for (const name of path) {
    // Own properties only: 'constructor.name' is the same in every body, and would give all clients one subject.
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  if (typeof value === 'string') return value || undefined
  return typeof value === 'boolean' || Number.isFinite(value) ? String(value) : undefined
}
