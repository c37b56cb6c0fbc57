import type { Listened, ServerConfig } from '@sluice/server'
import type { Invocation } from '../command.ts'

/** What a person reads at the start: where the service is, and the lines to try. */
export function serviceLines(
  { http, grpc, adminToken }: Listened,
  { policies = {}, redis = {}, workers = 1 }: ServerConfig,
  { paint }: Pick<Invocation, 'paint'>,
): string {
  const counts = redis.url ?? redis.cluster?.join(', ') ?? redis.sentinels?.join(', ')
  const lines = [
    paint('bold', 'Sluice answers checks.'),
    ...(http === undefined ? [] : [`  HTTP      ${http.url}`]),
    ...(grpc === undefined ? [] : [`  gRPC      ${grpc.url}`]),
    ...(adminToken === undefined || http === undefined ? [] : [`  console   ${http.url}/  with the token ${adminToken}`]),
    `  policies  ${withoutPassword(policies.from ?? '100 requests a minute for each set of attributes')}`,
    `  counts    ${counts === undefined ? 'in the memory of this process' : withoutPassword(counts)}`,
    ...(workers > 1 ? [`  workers   ${workers}`] : []),
    '',
    'Try it:',
    ...(http === undefined ? [] : [`  ${tryLine(http.url)}`]),
    // The built-in document answers every domain. Others have names that are not known here.
    ...(grpc === undefined || policies.from !== undefined ? [] : grpcLines(grpc.url)),
    '',
    paint('dim', 'Ctrl-C ends the service, after requests under way.'),
  ]
  return lines.join('\n')
}

function tryLine(url: string): string {
  const [, path] = /^unix:(.*)$/.exec(url) ?? []
  if (path !== undefined) return `curl -i --unix-socket ${path} 'http://sluice/check?user_id=ada'`
  return `curl -i '${reachable(url)}/check?user_id=ada'`
}

/** Envoy's call, by a program that learns of it from the service. */
function grpcLines(url: string): readonly string[] {
  const [, scheme, place] = /^(https?):\/\/(.*)$/.exec(url) ?? []
  if (place === undefined) return []
  const request = '{"domain":"default","descriptors":[{"entries":[{"key":"user_id","value":"ada"}]}]}'
  return [
    `  grpcurl ${scheme === 'http' ? '-plaintext ' : ''}-d '${request}' \\`,
    `    ${reachable(place)} envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit`,
  ]
}

/** Of a service that listens on every address, one that can be asked. */
function reachable(place: string): string {
  return place.replace('0.0.0.0', '127.0.0.1').replace('[::]', '[::1]')
}

function withoutPassword(place: string): string {
  return place.replaceAll(/\/\/[^/@]*@/g, '//')
}
