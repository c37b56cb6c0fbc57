import type { Redis } from 'ioredis'
import { type NodeAddress, openClient } from '../redis/client.ts'
import { reached, type ServerAddress } from '../redis/redis-option.ts'

/** A server that is looked at. */
export interface Node {
  /** host:port. */
  readonly name: string
  readonly client: Redis
  /** The fields of INFO; `undefined` if the user may not ask. */
  readonly info: ReadonlyMap<string, string> | undefined
}

/** @throws ERR_COMMAND_FAILED if there is no connection */
export async function openNode(address: ServerAddress, to: NodeAddress = {}): Promise<Node> {
  const client = await openClient(address.url, to)
  const { hostname, port } = new URL(address.url)
  const name = `${to.host ?? hostname}:${to.port ?? (port || 6_379)}`
  try {
    await reached({ name: to.host === undefined ? address.name : name }, client.connect())
  } catch (error) {
    client.disconnect()
    throw error
  }
  const text = await client.info().catch(() => undefined)
  return { name, client, info: text === undefined ? undefined : fieldsOf(text) }
}

/** The fields of a reply of lines such as `name:value`. */
export function fieldsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(/\r?\n/).flatMap((line) => {
      const at = line.indexOf(':')
      return line.startsWith('#') || at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const]
    }),
  )
}

/** A setting of the server; `undefined` if the user may not ask. */
export async function settingOf({ client }: Node, name: string): Promise<string | undefined> {
  try {
    const reply = (await client.config('GET', name)) as readonly string[]
    return reply[1]
  } catch {
    return undefined
  }
}
