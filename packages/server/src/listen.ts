import { SluiceError } from '@sluice/core'
import { invalid, knownOptions, quoted } from '@sluice/core/adapter-kit'
import { checkTls, type TlsOptions } from './tls.ts'

/** Where the service listens. */
export interface ListenOptions {
  /** An address of this machine. Beyond loopback it needs `tls`, or `insecure: true` of `serve`. Default: `127.0.0.1`. */
  readonly host?: string | undefined
  /** 0 to 65,535; 0 takes a free port. Default: 8080 for HTTP, 8081 for gRPC. */
  readonly port?: number | undefined
  /** The path of a UNIX socket, in place of `host` and `port`. One that is left of a process before is replaced. Default: none. */
  readonly path?: string | undefined
  /** The permissions of the UNIX socket, such as `0o660`. Default: those of the umask. */
  readonly mode?: number | undefined
  /** Certificates. Default: the service speaks in the clear. */
  readonly tls?: TlsOptions | undefined
}

/** Where one server listens, after the checks. */
export interface Address {
  readonly host: string
  readonly port: number
  /** Of a UNIX socket, in place of `host` and `port`. */
  readonly path: string | undefined
  readonly mode?: number | undefined
  readonly tls: TlsOptions | undefined
}

export const LISTEN_OPTIONS = ['host', 'port', 'path', 'mode', 'tls'] as const

/**
 * @param name the option of `serve`, for messages
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT; ERR_LISTEN_INSECURE
 */
export function addressOf(name: string, listen: ListenOptions, defaultPort: number, insecure: boolean): Address {
  const { path, mode, tls, host = '127.0.0.1', port = defaultPort } = listen
  if (path !== undefined && (listen.host !== undefined || listen.port !== undefined))
    throw new SluiceError('ERR_OPTION_CONFLICT', `serve: ${name}: path excludes host and port; remove one of them`)
  if (path !== undefined && (typeof path !== 'string' || path === ''))
    throw invalid(`serve: ${name}.path`, 'the path of a UNIX socket', path)
  if (mode !== undefined && (path === undefined || !Number.isInteger(mode) || mode < 0 || mode > 0o777))
    throw invalid(`serve: ${name}.mode`, 'permissions such as 0o660, beside path', mode)
  if (typeof host !== 'string' || host === '') throw invalid(`serve: ${name}.host`, 'an address', host)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw invalid(`serve: ${name}.port`, 'a whole number, 0 to 65535', port)
  if (tls !== undefined) checkTls(`serve: ${name}.tls`, tls)
  if (path === undefined && tls === undefined && !insecure && !isLoopback(host))
    throw new SluiceError(
      'ERR_LISTEN_INSECURE',
      `serve: ${name}: expected TLS beyond loopback, got ${quoted(host)} without; set tls, or insecure (--insecure) where the network is trusted`,
    )
  return { host, port, path, mode, tls }
}

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function checkListen(name: string, listen: unknown, known: readonly string[] = LISTEN_OPTIONS): void {
  if (typeof listen !== 'object' || listen === null) throw invalid(`serve: ${name}`, '{ host, port }, or false', listen)
  knownOptions(`serve: ${name}`, listen, known)
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return /^(?:127(?:\.\d{1,3}){3}|\[?::1\]?|localhost)$/i.test(host)
}
