import type { IncomingMessage } from 'node:http'
import { type HeaderLine, type HttpOutcome, waitQueueDelay } from '@sluice/core/adapter-kit'
import type { Deciders } from '../deciders.ts'
import type { Answer, Exchange } from '../http/route.ts'
import type { Service } from '../service.ts'
import { AuthSettingsReader, attributesOf } from './attribute-map.ts'
import { askedOf, AUTH_HOST, type AuthRequest, gatewayCheck, type GatewayHeaders } from './auth-request.ts'
import { orRefused } from './checks.ts'
import type { DescribedRoute, Description } from './operation.ts'
import { authDescription } from './auth-description.ts'

/** What nginx says of its client's request. Its `Host` is that of the client, where the configuration says so. */
const NGINX: GatewayHeaders = { method: 'x-original-method', target: 'x-original-uri', host: 'host' }
/** What Traefik, Caddy, HAProxy and APISIX say. */
const FORWARD: GatewayHeaders = { method: 'x-forwarded-method', target: 'x-forwarded-uri', host: 'x-forwarded-host' }

/** The endpoints that gateways ask about each request of their clients. */
export function authRoutes(service: Service): readonly DescribedRoute[] {
  const gate = new Gate(service)
  const route = (path: string, names: GatewayHeaders, answer: (outcome: HttpOutcome) => Answer, described: Description): DescribedRoute => {
    return { method: 'GET', path, described, handle: (exchange) => gate.answer(exchange, names, answer) }
  }
  return [
    route('/auth/nginx', NGINX, nginxAnswer, authDescription('nginx')),
    route('/auth/forward', FORWARD, forwardAnswer, authDescription('forward')),
  ]
}

/** Decides the requests of the clients of gateways. */
class Gate {
  private readonly deciders: Deciders<AuthRequest>
  private readonly isGateway: (incoming: IncomingMessage) => boolean
  private readonly settings = new AuthSettingsReader()

  constructor(service: Service) {
    const { trustProxy, forwardedHeader } = service.settings
    this.isGateway = gatewayCheck({ trustProxy })
    this.deciders = service.decidersOf(AUTH_HOST, {
      trustProxy,
      forwardedHeader,
      attributes: ({ attributes }) => attributes,
      cost: ({ cost }) => cost,
    })
  }

  async answer({ incoming, url }: Exchange, names: GatewayHeaders, answer: (outcome: HttpOutcome) => Answer): Promise<Answer> {
    const settings = this.settings.of(url)
    const { charge } = this.deciders.of(settings.namespace)
    const { cost } = settings
    const asked = askedOf(incoming, names, this.isGateway(incoming))
    const outcome = await orRefused(() => charge({ incoming, ...asked, attributes: attributesOf(settings, incoming), cost }))
    // No gateway delays a request, so the answer waits.
    if (outcome.pass && outcome.delay > 0) await waitQueueDelay(outcome.delay, (gone) => incoming.socket.once('close', gone))
    return answer(outcome)
  }
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
