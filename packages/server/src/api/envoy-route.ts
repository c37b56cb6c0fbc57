import type { IncomingMessage } from 'node:http'
import type { HttpOutcome } from '@sluice/core/adapter-kit'
import type { Answer } from '../http/route.ts'
import { ENVOY_DESCRIPTION } from './auth-description.ts'
import type { Asked } from './auth-request.ts'
import type { Gate } from './gate.ts'
import type { DescribedRoute } from './operation.ts'

const PATH = '/auth/envoy'
/** The query is that of the client, so the URL has no settings. */
const SETTINGS = { namespace: undefined, cost: 1, attributes: [] }

/**
 * The endpoint for `ext_authz` of Envoy over HTTP, by `path_prefix: /auth/envoy`. Envoy appends the path of its client, and sends the client's
 * method and `Host`.
 */
export function envoyRoute(gate: Gate): DescribedRoute {
  return {
    method: '*',
    path: `${PATH}/*`,
    described: ENVOY_DESCRIPTION,
    handle: async ({ incoming }) => answerOf(await gate.decide(incoming, SETTINGS, askedOf)),
  }
}

function askedOf({ method = 'GET', url = '', headers }: IncomingMessage): Asked {
  const target = url.slice(PATH.length)
  return { method, target: target.startsWith('/') ? target : `/${target}`, host: headers.host }
}

/** Envoy admits on status 200 only: it sends a 204 to the client. Every 5xx is a failure of the service to it, and may admit the request. */
function answerOf(outcome: HttpOutcome): Answer {
  if (outcome.pass) return { status: 200, headers: [...outcome.headers, ['Cache-Control', 'no-store']] }
  const { status, headers, body } = outcome
  if (status < 500) return { status, headers, body }
  return { status: 429, headers, body: JSON.stringify({ ...(JSON.parse(body) as object), status: 429 }) }
}
