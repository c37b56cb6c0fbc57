import { like, record, text } from '@sluice/policies/schema-kit'
import { COST_PARAMETER, LIMIT_HEADERS, NAMESPACE_PARAMETER } from './check-description.ts'
import type { DescribedParameter, Description } from './operation.ts'

const source = like([/^(?:header|cookie|value):[\s\S]+$/, 'header:<name>, cookie:<name> or value:<text>'])

const PARAMETERS: readonly DescribedParameter[] = [
  NAMESPACE_PARAMETER,
  COST_PARAMETER,
  {
    name: 'attributes',
    in: 'query',
    description: 'attribute.<name>: where the attribute is read from, such as header:x-user-id. No other header becomes an attribute.',
    schema: record(text(74), source),
    isExploded: true,
  },
]

/** What the OpenAPI document says of an endpoint for gateways. */
export function authDescription(gateway: 'nginx' | 'forward'): Description {
  const isNginx = gateway === 'nginx'
  const refused = { description: 'The request must not go on. The body is the one for the client.', headers: LIMIT_HEADERS }
  const status = { 'X-Sluice-Status': 'The status for the client.', 'X-Sluice-Problem': 'The body for the client.' }
  return {
    id: isNginx ? 'authNginx' : 'authForward',
    tag: 'Gateways',
    summary: isNginx ? 'Decides a request for auth_request of nginx' : 'Decides a request for Traefik, Caddy, HAProxy or APISIX',
    description: `Charges the request that ${isNginx ? 'X-Original-Method and X-Original-URI' : 'X-Forwarded-Method, X-Forwarded-Uri and X-Forwarded-Host'} name, if a trusted gateway says so.`,
    parameters: PARAMETERS,
    answers: {
      204: { description: 'The request may go on.', headers: LIMIT_HEADERS },
      400: { description: 'The URL or the request lacks what the limits need.' },
      ...(isNginx
        ? { 403: { ...refused, headers: { ...LIMIT_HEADERS, ...status } } }
        : { 401: { ...refused, headers: {} }, 429: refused, 503: refused }),
      404: { description: 'There is no such namespace.' },
    },
  }
}

/** What the OpenAPI document says of the endpoint for `ext_authz` of Envoy. */
export const ENVOY_DESCRIPTION: Description = {
  id: 'authEnvoy',
  tag: 'Gateways',
  summary: 'Decides a request for ext_authz of Envoy',
  description: 'Charges the request whose method, path and query it has, if a trusted Envoy sends it. The path may have slashes.',
  answers: {
    200: { description: 'The request may go on.', headers: LIMIT_HEADERS },
    400: { description: 'The request lacks what the limits need.' },
    401: { description: 'The request lacks what its policy asks for. The body is the one for the client.' },
    403: { description: 'The client is blocked. The body is the one for the client.' },
    404: { description: 'There is no such namespace.' },
    429: { description: 'The request must not go on. The body is the one for the client.', headers: LIMIT_HEADERS },
  },
}
