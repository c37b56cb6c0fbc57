import type { Clock } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/store-kit'
import type { Fetch } from '@sluice/policies'

/** Where etcd is, and under which keys the documents are. */
export interface EtcdOptions {
  /** Addresses of members, such as `https://10.0.0.1:2379`: at least one. They are tried in turn. */
  readonly endpoints: readonly string[]
  /** What the key of each document begins with; the namespace follows. Default: `'sluice/policies/'`. */
  readonly prefix?: string | undefined
  /** A user of etcd, where authentication is on. Default: none. */
  readonly user?: string | undefined
  /** The password of the user. Default: none. */
  readonly password?: string | undefined
  /** How long one member may take to answer, before the next one is asked: ms, at least 1. Default: 2,000. */
  readonly timeout?: number | undefined
  /** Sends the requests, such as a `fetch` with certificates of your own. Default: `fetch` of the runtime. */
  readonly fetch?: Fetch | undefined
}

/** The options of `etcdSource`. */
export interface EtcdSourceOptions extends EtcdOptions {
  /** How often a watch is compared with what etcd has: ms, at least 100. Default: 15,000. */
  readonly interval?: number | undefined
  /** Where time comes from, for tests. Default: the clock of the system. */
  readonly clock?: Clock | undefined
}

/** The options after the checks, with their defaults. */
export interface Settings {
  readonly endpoints: readonly string[]
  readonly prefix: string
  readonly credentials: { readonly name: string; readonly password: string } | undefined
  readonly timeout: number
  readonly fetch: Fetch
}

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function settingsOf(where: string, options: EtcdOptions, more: readonly string[] = []): Settings {
  knownOptions(where, options, ['endpoints', 'prefix', 'user', 'password', 'timeout', 'fetch', ...more])
  const { endpoints, prefix = 'sluice/policies/', user, password, timeout = 2_000 } = options
  const { fetch = (url, init) => globalThis.fetch(url, init) } = options
  if (!Array.isArray(endpoints) || endpoints.length === 0)
    throw invalid(`${where}: endpoints`, "a list such as ['http://127.0.0.1:2379']", endpoints)
  if (typeof prefix !== 'string' || prefix === '') throw invalid(`${where}: prefix`, 'a text that is not empty', prefix)
  // The types only: a password must not appear in a log.
  if (user !== undefined && typeof user !== 'string') throw invalid(`${where}: user`, 'a text', typeof user)
  if ((user === undefined) !== (password === undefined) || (password !== undefined && typeof password !== 'string'))
    throw invalid(`${where}: password`, 'a text beside the option user', typeof password)
  if (!(Number.isFinite(timeout) && timeout >= 1)) throw invalid(`${where}: timeout`, 'milliseconds, at least 1', timeout)
  if (typeof fetch !== 'function') throw invalid(`${where}: fetch`, 'a function', fetch)
  return {
    endpoints: endpoints.map((endpoint) => addressOf(where, endpoint)),
    prefix,
    credentials: user === undefined || password === undefined ? undefined : { name: user, password },
    timeout,
    fetch,
  }
}

function addressOf(where: string, endpoint: unknown): string {
  const url = typeof endpoint === 'string' && URL.canParse(endpoint) ? new URL(endpoint) : undefined
  // Not the text itself, since it may have a password.
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw invalid(`${where}: endpoints`, 'addresses such as http://127.0.0.1:2379', typeof endpoint)
  if (url.username !== '' || url.password !== '')
    throw invalid(`${where}: endpoints`, 'addresses without a password; put it into the options user and password', 'one with a password')
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}
