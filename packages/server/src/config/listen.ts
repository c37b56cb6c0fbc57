import type { ListenOptions } from '../listen.ts'
import type { ListenText, TlsConfig } from './config.ts'

/** What a text such as `8080`, `0.0.0.0:8080`, `[::]:8080` or `unix:/run/sluice.sock` means; `undefined` for `off`. */
export function listenOf(listen: ListenText, tls: TlsConfig | undefined, socketMode: string | undefined): ListenOptions | undefined {
  const text = String(listen)
  if (text === 'off') return undefined
  if (text.startsWith('unix:'))
    return { path: text.slice('unix:'.length), tls, ...(socketMode !== undefined && { mode: Number.parseInt(socketMode, 8) }) }
  const [, host, port] = /^(?:(.+):)?(\d+)$/.exec(text) ?? []
  return { port: Number(port), tls, ...(host !== undefined && { host: host.replaceAll(/[[\]]/g, '') }) }
}
