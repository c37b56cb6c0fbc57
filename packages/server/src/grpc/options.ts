import type { Duration } from '@sluice/core'
import { invalid } from '@sluice/core/adapter-kit'
import { millisOf } from '@sluice/core/store-kit'
import { type Address, addressOf, checkListen, LISTEN_OPTIONS, type ListenOptions } from '../listen.ts'

/**
 * The option `grpc` of `serve`.
 * @example
 * ```ts
 * import type { GrpcOptions } from '@sluice/server'
 *
 * const grpc: GrpcOptions = { host: '127.0.0.1', port: 8081, maxConnectionAge: '5m', headers: 'all' }
 * ```
 */
export interface GrpcOptions extends ListenOptions {
  /**
   * How long a connection lasts, ± 10 %: at least 1 second. Then its client opens another one, which may lead to another process.
   * Default: `'5m'`.
   */
  readonly maxConnectionAge?: Duration | undefined
  /**
   * Which answers of ShouldRateLimit have headers for the client, such as `Retry-After`: those that are refused, all, or none. With headers, a
   * refusal has a body, too.
   * Default: `'refused'`.
   */
  readonly headers?: 'refused' | 'all' | 'none' | undefined
  /** The namespaces whose descriptors may have a limit of their own. Default: none. */
  readonly limitOverrides?: readonly string[] | undefined
}

/** The option after the checks, with its defaults. */
export interface GrpcSettings extends Address {
  /** ms */
  readonly maxConnectionAge: number
  readonly headers: 'refused' | 'all' | 'none'
  readonly limitOverrides: ReadonlySet<string>
}

const HEADERS: readonly unknown[] = ['refused', 'all', 'none']

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT; ERR_LISTEN_INSECURE */
export function grpcSettingsOf(options: GrpcOptions, insecure: boolean, defaultPort: number): GrpcSettings {
  checkListen('grpc', options, [...LISTEN_OPTIONS, 'maxConnectionAge', 'headers', 'limitOverrides'])
  const { maxConnectionAge = '5m', headers = 'refused', limitOverrides = [] } = options
  const age = millisOf(maxConnectionAge, 'serve: grpc.maxConnectionAge')
  if (age < 1_000) throw invalid('serve: grpc.maxConnectionAge', 'at least 1 second', maxConnectionAge)
  if (!HEADERS.includes(headers)) throw invalid('serve: grpc.headers', "'refused', 'all' or 'none'", headers)
  if (!Array.isArray(limitOverrides) || !limitOverrides.every((name) => typeof name === 'string'))
    throw invalid('serve: grpc.limitOverrides', 'a list of namespaces', limitOverrides)
  return { ...addressOf('grpc', options, defaultPort, insecure), maxConnectionAge: age, headers, limitOverrides: new Set(limitOverrides) }
}
