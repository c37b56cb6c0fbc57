import { SluiceError } from '@sluice/core'
import { quoted } from '@sluice/core/adapter-kit'
import type { Check, Service } from '../service.ts'
import { json } from './answers.ts'
import type { Answer, Exchange, Route } from './route.ts'

/** What a parameter of this name says of the request. All others are attributes. */
const OF_REQUEST = ['method', 'path', 'host', 'ip'] as const

/** `GET /check`: one decision, answered by status and headers. */
export function checkRoutes(service: Service): readonly Route[] {
  return [{ method: 'GET', path: '/check', handle: (exchange) => check(service, exchange) }]
}

async function check(service: Service, exchange: Exchange): Promise<Answer> {
  const namespace = exchange.url.searchParams.get('namespace') ?? undefined
  const outcome = await service.pipelineOf(namespace)(checkOf(exchange))
  const headers = [...outcome.headers, ['Cache-Control', 'no-store'] as const]
  if (!outcome.pass) return { status: outcome.status, headers, body: outcome.body }
  return json(200, { allowed: true, remaining: finite(outcome.decision?.remaining) }, outcome.headers)
}

/** @throws ERR_CHECK_INVALID */
function checkOf({ incoming, url: { searchParams } }: Exchange): Check {
  const known: Partial<Record<string, string>> = {}
  const attributes: Record<string, string> = {}
  for (const [name, value] of searchParams) {
    if ((OF_REQUEST as readonly string[]).includes(name)) known[name] = value
    else if (name !== 'namespace' && name !== 'cost') attributes[name] = value
  }
  const { method, path = '/', host, ip = incoming.socket.remoteAddress } = known
  return { request: { path, method, host, ip, attributes }, cost: costOf(searchParams.get('cost')) }
}

function costOf(text: string | null): number {
  if (text === null) return 1
  const cost = Number(text)
  if (!/^\d{1,15}$/.test(text)) throw new SluiceError('ERR_CHECK_INVALID', `cost: expected a whole number, 0 or more, got ${quoted(text)}`)
  return cost
}

/** JSON has no Infinity. */
function finite(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value
}
