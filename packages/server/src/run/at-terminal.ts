import type { ServerConfig } from '../config/config.ts'
import { listenOf } from '../config/listen.ts'
import { isLoopback } from '../listen.ts'

/** Who tries the service at a terminal has the console at once, with a token that is made for this start. A log must not get one unasked. */
export function atTerminal(config: ServerConfig, isTerminal: boolean): ServerConfig {
  const { admin = {}, http = {}, workers = 1 } = config
  const { host = '127.0.0.1', path } = listenOf(http.listen ?? 8080, http.tls, undefined) ?? { path: 'off' }
  const isUnset = admin.enabled === undefined && admin.tokens === undefined && admin.certificates === undefined
  if (!isTerminal || !isUnset || workers > 1 || path !== undefined || !isLoopback(host)) return config
  return { ...config, admin: { ...admin, enabled: true } }
}
