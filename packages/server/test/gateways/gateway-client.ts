import { Agent, type IncomingHttpHeaders, request } from 'node:http'

/** A request to a gateway. */
export interface Sent {
  readonly port: number
  /** Default: `/`. */
  readonly path?: string
  /** Default: GET. */
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent in chunks, without a Content-Length. */
  readonly body?: string
  /** The address of the client: one of 127.0.0.0/8. Gateways and the service are at 127.0.0.1. */
  readonly from: string
  /** Default: a connection of its own. */
  readonly agent?: Agent
}

export interface Received {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export function send({ port, path = '/', method = 'GET', headers = {}, body, from, agent }: Sent): Promise<Received> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, headers, localAddress: from, agent: agent ?? false }
    const sent = request(options, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.once('error', reject)
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
    })
    sent.once('error', reject)
    if (body !== undefined) sent.write(body)
    sent.end()
  })
}

/** Sends the same request many times, at most `inFlight` at once, each on a connection that is kept. */
export async function sendMany(count: number, inFlight: number, sent: Sent): Promise<readonly Received[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight })
  try {
    return await Promise.all(Array.from({ length: count }, () => send({ ...sent, agent })))
  } finally {
    agent.destroy()
  }
}
