import type { RunningService } from '@sluice/server'
import type { Invocation } from '../command.ts'

/** What a person reads at the start: where the service is, and the lines to try. */
export function serviceLines(
  { http, grpc }: Pick<RunningService, 'http' | 'grpc'>,
  { option, paint }: Pick<Invocation, 'option' | 'paint'>,
): string {
  const policies = option('policies')
  const lines = [
    paint('bold', 'Sluice answers checks.'),
    ...(http === undefined ? [] : [`  HTTP      ${http.url}`]),
    ...(grpc === undefined ? [] : [`  gRPC      ${grpc.url}`]),
    `  policies  ${policies ?? '100 requests a minute for each set of attributes'}`,
    '',
    'Try it:',
    ...(http === undefined ? [] : [`  curl -i '${http.url}/check?user_id=ada'`]),
    '',
    paint('dim', 'Ctrl-C ends the service, after requests under way.'),
  ]
  return lines.join('\n')
}
