import type { IncomingMessage } from 'node:http'
import type { Mount } from '@sluice/testing/http'

/** What a client of the service does with a request of its app. */
export interface Asked {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Of a refusal. */
  readonly body: string
  readonly isAllowed: boolean
  /** Called when the response has ended. */
  readonly end: () => Promise<void>
}

export type Ask = (url: string, incoming: IncomingMessage, mount: Mount) => Promise<Asked>

const JSON_TYPE = { 'content-type': 'application/json' }

/** Asks `POST /v1/check`, and releases the decision when the response has ended. */
export const askingCheck: Ask = async (url, incoming, mount) => {
  const { method, url: path, headers, socket } = incoming
  const attributes = await mount.attributes?.(incoming)
  const texts = Object.fromEntries(Object.entries(headers).filter(([, value]) => typeof value === 'string'))
  const body = JSON.stringify({ method, path, ip: socket.remoteAddress, headers: texts, attributes })
  const response = await fetch(`${url}/v1/check`, { method: 'POST', headers: JSON_TYPE, body })
  const answer: any = await response.json()
  const end = async () => {
    if (answer.decision === undefined) return
    await fetch(`${url}/v1/release`, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ decision: answer.decision }) })
  }
  const { status, headers: lines, problem, allowed } = answer
  return { status, headers: lines, body: JSON.stringify(problem), isAllowed: allowed, end }
}

/** Asks `/auth/forward`, as a gateway does. The attributes are headers of the request. */
export const askingForwardAuth: Ask = async (url, incoming) => {
  const map = 'attribute.client=header:x-client&attribute.plan=header:x-plan'
  const { method = 'GET', url: path = '/', headers, socket } = incoming
  const texts = Object.fromEntries(Object.entries(headers).filter(([name, value]) => typeof value === 'string' && !HOP.has(name)))
  const said = {
    'x-forwarded-method': method,
    'x-forwarded-uri': path,
    'x-forwarded-host': headers.host ?? '',
    'x-forwarded-for': socket.remoteAddress ?? '',
  }
  const response = await fetch(`${url}/auth/forward?${map}`, { headers: { ...(texts as Record<string, string>), ...said } })
  const all = Object.fromEntries([...response.headers].filter(([name]) => !HOP.has(name) && name !== 'date'))
  const isAllowed = response.status === 204
  if (isAllowed) delete all['cache-control']
  return { status: response.status, headers: all, body: await response.text(), isAllowed, end: () => Promise.resolve() }
}

/** Headers of a connection, and of the message itself. */
const HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'host'])
