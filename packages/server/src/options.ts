import type { Store } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/adapter-kit'
import type { PolicySource } from '@sluice/policies'

/** Where the service listens. */
export interface ListenOptions {
  /** An address of this machine. Default: `127.0.0.1`. */
  readonly host?: string | undefined
  /** 0 to 65,535; 0 takes a free port. Default: 8080 for HTTP, 8081 for gRPC. */
  readonly port?: number | undefined
}

/**
 * The options of `serve`.
 * @example
 * ```ts
 * import { fileSource } from '@sluice/policies'
 * import type { ServeOptions } from '@sluice/server'
 *
 * const options: ServeOptions = { policies: fileSource('sluice.yaml'), http: { port: 8080 } }
 * ```
 */
export interface ServeOptions {
  /** Where HTTP is served. `false`: it is not. */
  readonly http?: ListenOptions | false | undefined
  /** The documents that decide. Default: 100 requests a minute for each set of attributes. */
  readonly policies?: PolicySource | undefined
  /** Where requests are counted, such as `redisStore(client)`. Default: the memory of this process. */
  readonly store?: Store | undefined
}

/** The options after the checks, with their defaults. */
export interface Settings {
  readonly http: Required<Address> | undefined
  readonly policies: PolicySource | undefined
  readonly store: Store | undefined
}

/** Where one server listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

const KNOWN = ['http', 'policies', 'store'] as const

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function settingsOf(options: ServeOptions): Settings {
  knownOptions('serve', options, KNOWN)
  const { http = {}, policies, store } = options
  if (policies !== undefined && typeof policies?.load !== 'function')
    throw invalid('serve: policies', "a source such as fileSource('sluice.yaml')", policies)
  return { http: http === false ? undefined : addressOf('http', http, 8080), policies, store }
}

function addressOf(name: string, listen: ListenOptions, defaultPort: number): Address {
  if (typeof listen !== 'object' || listen === null) throw invalid(`serve: ${name}`, '{ host, port }, or false', listen)
  knownOptions(`serve: ${name}`, listen, ['host', 'port'])
  const { host = '127.0.0.1', port = defaultPort } = listen
  if (typeof host !== 'string' || host === '') throw invalid(`serve: ${name}.host`, 'an address', host)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw invalid(`serve: ${name}.port`, 'a whole number, 0 to 65535', port)
  return { host, port }
}
