import { invalid } from '../errors.ts'
import { chain, type MaybePromise } from '../runtime.ts'
import { detached } from './canonical.ts'
import { addressUnknown } from './client.ts'
import type { Part } from './part.ts'
import type { RequestFacts } from './request-facts.ts'

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

// One object, so that the limits of one request that share it read it once.
const CLIENT: Part<any> = Object.freeze({
  name: 'ip',
  address: true,
  read(context: any, facts: RequestFacts<any>): string {
    const address = facts.address(context)
    if (address === undefined) throw addressUnknown()
    return address
  },
})

/**
 * The client's address, IPv6 cut to its prefix. With `read`, an address from elsewhere, such as a platform's header, treated
 * the same; believe only a header that the platform always overwrites.
 * @throws ERR_OPTION_INVALID; on a request, without `read`, ERR_ADDRESS_UNKNOWN: that is a fault of the setup, never the client's
 */
export function ip(read?: (context: any) => MaybePromise<string | undefined>): Part<any> {
  if (read === undefined) return CLIENT
  return part({ name: 'ip', address: true, read: reader('ip', read) })
}

/**
 * A request header, by its name in any case. A client chooses an unchecked header freely: beside it, have a limit by `ip()`.
 * A credential when the name has `authorization`, `key` or `token` in it.
 * @throws ERR_OPTION_INVALID
 */
export function header(name: string): Part<any> {
  const lower = token('header', name, 'x-api-key').toLowerCase()
  const credential = ['authorization', 'key', 'token'].some((word) => lower.includes(word))
  return part({ name: `header:${lower}`, credential, read: (context, facts) => facts.header(context, lower) || undefined })
}

/**
 * A cookie: the first of that name (case counts), as sent but for quotes around it. A credential.
 * @throws ERR_OPTION_INVALID
 */
export function cookie(name: string): Part<any> {
  token('cookie', name, 'session')
  return part({ name: `cookie:${name}`, credential: true, read: (context, facts) => cookieOf(facts.header(context, 'cookie') ?? '', name) })
}

/**
 * A field of the parsed body, by its path: `'email'`, `'user.email'`. Text, a finite number or a boolean; anything else,
 * and a property that is not the object's own, is missing. The body must have been parsed before the limiter.
 * @throws ERR_OPTION_INVALID
 */
export function body(field: string): Part<any> {
  const path = typeof field === 'string' ? field.split('.') : ['']
  if (path.includes('')) throw invalid('body', "the path of a field, such as 'email' or 'user.email'", field)
  return part({ name: `body:${field}`, read: (context, facts) => chain(facts.body?.(context), (parsed) => fieldOf(parsed, path)) })
}

/** The method and the route's pattern, where the framework knows it, else the path: `GET /users/:id`. */
export function route(): Part<any> {
  return part({ name: 'route', read: (context, facts) => `${facts.method(context)} ${facts.route?.(context) ?? facts.path(context)}` })
}

/**
 * Who is logged in, as your authentication left it. A credential.
 * @throws ERR_OPTION_INVALID
 */
export function user(read: (context: any) => MaybePromise<string | undefined>): Part<any> {
  return part({ name: 'user', credential: true, read: reader('user', read) })
}

function part(fields: Part<any>): Part<any> {
  return Object.freeze(fields)
}

/** Hides the facts from the user's function, which is documented to take the context alone. */
function reader(
  what: string,
  read: (context: any) => MaybePromise<string | undefined>,
): (context: any) => MaybePromise<string | undefined> {
  if (typeof read !== 'function') throw invalid(what, 'a function from the request or context to text', read)
  return (context) => read(context)
}

function token(what: string, name: string, example: string): string {
  if (typeof name !== 'string' || !TOKEN.test(name)) throw invalid(what, `a name such as '${example}'`, name)
  return name
}

function cookieOf(text: string, name: string): string | undefined {
  for (let start = 0; start < text.length;) {
    const semicolon = text.indexOf(';', start)
    const end = semicolon < 0 ? text.length : semicolon
    const equals = text.indexOf('=', start)
    if (equals >= 0 && text.slice(start, equals).trim() === name) {
      const value = text.slice(equals + 1, end).trim()
      const quoted = value.length > 1 && value.startsWith('"') && value.endsWith('"')
      return detached(quoted ? value.slice(1, -1) : value) || undefined
    }
    start = end + 1
  }
  return undefined
}

function fieldOf(parsed: unknown, path: readonly string[]): string | undefined {
  let value = parsed
  for (const name of path) {
    // Own only: 'constructor.name' of any body would be one bucket for everybody.
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  if (typeof value === 'string') return value || undefined
  return typeof value === 'boolean' || Number.isFinite(value) ? String(value) : undefined
}
