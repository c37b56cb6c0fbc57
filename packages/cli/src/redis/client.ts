import type { Redis } from 'ioredis'

/** ms for the connection, and for each command. */
const TIMEOUT = 3_000

/** Of ioredis's arguments, the URL wins over the options. */
function urlAt(url: string, { host, port }: NodeAddress): string {
  if (host === undefined) return url
  const at = new URL(url)
  at.host = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return at.href
}

/** A node of a Cluster. */
export interface NodeAddress {
  readonly host?: string
  readonly port?: number
}

/**
 * A client of one server that is not connected yet, and fails where another one would wait and try again.
 * @param to another address with the user, password and TLS of the URL: a node of the same Cluster
 */
export async function openClient(url: string, to: NodeAddress = {}): Promise<Redis> {
  // Loaded here, since most commands need no Redis.
  const { Redis } = await import('ioredis')
  let reason: Error | undefined
  const client = new Redis(urlAt(url, to), {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: TIMEOUT,
    commandTimeout: TIMEOUT,
    // ioredis does not clear this timer after a refused connection, and it would keep the process.
    disconnectTimeout: 1,
  })
  client.on('error', (error: Error) => (reason = error))
  const connect = client.connect.bind(client)
  // ioredis rejects with "Connection is closed", and gives the reason to listeners only.
  client.connect = () => connect().catch((error: unknown) => Promise.reject(reason ?? error))
  return client
}
