import { type Clock, systemClock } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/adapter-kit'
import type { Fetch } from './fetch.ts'

/** The options of `httpSource`. */
export interface HttpSourceOptions {
  /**
   * Headers of each request, such as `{ authorization: 'Bearer …' }`, or a function that returns them, for a token that changes. They are
   * sent to the origin of the URL alone. Default: none.
   */
  readonly headers?: HttpHeaders | (() => HttpHeaders | Promise<HttpHeaders>) | undefined
  /** How often a server without events is asked: ms, at least 100, and up to 10 % more or less. Default: 5,000. */
  readonly interval?: number | undefined
  /** How long an answer may take, with its body: ms, at least 1. Default: 10,000. */
  readonly timeout?: number | undefined
  /** How long a stream of events may be silent before it is opened again: ms, at least 1. Default: 45,000. */
  readonly idleTimeout?: number | undefined
  /** Sends the requests, such as a `fetch` with a certificate or a proxy of your own. Default: `fetch` of the runtime. */
  readonly fetch?: Fetch | undefined
  /** Where time comes from, for tests. Default: the clock of the system. */
  readonly clock?: Clock | undefined
}

/** Headers by name. */
export type HttpHeaders = Readonly<Record<string, string>>

export interface HttpSettings {
  readonly url: URL
  readonly headers: () => HttpHeaders | Promise<HttpHeaders>
  readonly interval: number
  readonly timeout: number
  readonly idleTimeout: number
  readonly fetch: Fetch
  readonly clock: Clock
}

const NAMES = ['headers', 'interval', 'timeout', 'idleTimeout', 'fetch', 'clock'] as const

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function settingsOf(url: string, options: HttpSourceOptions): HttpSettings {
  knownOptions('httpSource', options, [...NAMES])
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined
  // Not the text itself, since it may have a password.
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) throw invalid('httpSource', 'a URL such as https://…', typeof url)
  if (parsed.username !== '' || parsed.password !== '')
    throw invalid('httpSource', 'a URL without a password; put it into the option headers', 'a URL with one')
  parsed.hash = ''
  const { headers = {}, interval = 5_000, timeout = 10_000, idleTimeout = 45_000, clock = systemClock } = options
  const atLeast = (name: string, value: number, min: number): void => {
    if (!(Number.isFinite(value) && value >= min)) throw invalid(`httpSource: ${name}`, `milliseconds, at least ${min}`, value)
  }
  atLeast('interval', interval, 100)
  atLeast('timeout', timeout, 1)
  atLeast('idleTimeout', idleTimeout, 1)
  if (typeof headers !== 'function' && (typeof headers !== 'object' || headers === null))
    throw invalid('httpSource: headers', 'an object of headers, or a function that returns one', headers)
  const { fetch = (target, init) => globalThis.fetch(target, init) } = options
  if (typeof fetch !== 'function') throw invalid('httpSource: fetch', 'a function', fetch)
  return { url: parsed, headers: typeof headers === 'function' ? headers : () => headers, interval, timeout, idleTimeout, fetch, clock }
}
