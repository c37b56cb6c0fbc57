import type { IncomingMessage } from 'node:http'
import type { HeaderLine, HttpOutcome } from '@sluice/core/adapter-kit'
import type { Answer, Route } from '../http/route.ts'
import { AuthSettingsReader } from './attribute-map.ts'
import { authDescription } from './auth-description.ts'
import { type Asked, askedOf, type GatewayHeaders } from './auth-request.ts'
import type { Gate } from './gate.ts'
import type { DescribedRoute, Description } from './operation.ts'

/** What nginx says of its client's request. Its `Host` is that of the client, where the configuration says so. */
const NGINX: GatewayHeaders = { method: 'x-original-method', target: 'x-original-uri', host: 'host' }
/** What Traefik, Caddy, HAProxy and APISIX say. */
const FORWARD: GatewayHeaders = { method: 'x-forwarded-method', target: 'x-forwarded-uri', host: 'x-forwarded-host' }

/** The endpoints that gateways ask about each request of their clients. */
export function authRoutes(gate: Gate): readonly DescribedRoute[] {
  const settings = new AuthSettingsReader()
  const route = (path: string, names: GatewayHeaders, answer: (outcome: HttpOutcome) => Answer, described: Description): DescribedRoute => {
    const asked = (incoming: IncomingMessage): Asked => askedOf(incoming, names)
    const handle: Route['handle'] = async ({ incoming, url }) => answer(await gate.decide(incoming, settings.of(url), asked))
    return { method: 'GET', path, described, handle }
  }
  return [
    route('/auth/nginx', NGINX, nginxAnswer, authDescription('nginx')),
    route('/auth/forward', FORWARD, forwardAnswer, authDescription('forward')),
  ]
}

const NO_STORE: HeaderLine = ['Cache-Control', 'no-store']

/** To `auth_request` of nginx, any status but 2xx, 401 and 403 is an error. So the status for the client is in a header. */
function nginxAnswer(outcome: HttpOutcome): Answer {
  if (outcome.pass) return { status: 204, headers: [...outcome.headers, NO_STORE, ['X-Sluice-Status', '200']] }
  const { status, headers, body } = outcome
  return { status: 403, headers: [...headers, NO_STORE, ['X-Sluice-Status', String(status)], ['X-Sluice-Problem', ascii(body)]], body }
}

function forwardAnswer(outcome: HttpOutcome): Answer {
  if (outcome.pass) return { status: 204, headers: [...outcome.headers, NO_STORE] }
  const { status, headers, body } = outcome
  return { status, headers: [...headers, NO_STORE], body }
}

/** JSON that a header can have. */
function ascii(json: string): string {
  return json.replaceAll(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
