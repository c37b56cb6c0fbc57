import type { ServerConfig } from '../config/config.ts'
import type { RunningService } from '../serve.ts'

/** What of a service a person is shown. */
export type Listened = Partial<Pick<RunningService, 'http' | 'grpc' | 'adminToken'>>

/** What a person reads when the service has started: where it listens, and a line to try. */
export function greeting({ http, grpc, adminToken }: Listened, { policies = {}, redis, workers = 1 }: ServerConfig): string {
  const counts = redis?.url ?? redis?.cluster ?? redis?.sentinels
  const lines = [
    ...(http === undefined ? [] : [`HTTP      ${http.url}`]),
    ...(grpc === undefined ? [] : [`gRPC      ${grpc.url}`]),
    `Policies  ${policies.from === undefined ? 'none: 100 requests a minute for each set of attributes' : withoutPassword(policies.from)}`,
    `Counts    ${counts === undefined ? 'in the memory of this process' : `in Redis, ${[counts].flat().map(withoutPassword).join(', ')}`}`,
    ...(workers > 1 ? [`Workers   ${workers}`] : []),
    ...(adminToken === undefined ? [] : [`Console   ${http?.url}/`, `Token     ${adminToken}`]),
  ]
  return `${lines.join('\n')}\n${http === undefined ? '' : `\nTry:  ${tryLine(http.url)}\n`}`
}

function tryLine(url: string): string {
  const [, path] = /^unix:(.*)$/.exec(url) ?? []
  if (path !== undefined) return `curl -i --unix-socket ${path} 'http://sluice/check?user_id=ada'`
  return `curl -i '${url.replace('0.0.0.0', '127.0.0.1').replace('[::]', '[::1]')}/check?user_id=ada'`
}

function withoutPassword(place: string): string {
  return place.replace(/\/\/[^/@]*@/, '//')
}
