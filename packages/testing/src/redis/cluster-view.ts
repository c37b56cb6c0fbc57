/// <reference types="node" />
import type { RedisServer } from './server.ts'

/** One line of CLUSTER NODES. */
interface Peer {
  readonly id: string
  readonly flags: readonly string[]
  readonly port: number
  readonly primary: string
  readonly slots: readonly string[]
}

/** True if these nodes, all that are alive, report a healthy cluster, agree about it, and are in sync. */
export async function agreed(nodes: readonly { readonly server: RedisServer; readonly port: number }[]): Promise<boolean> {
  const views = new Set<string>()
  const ports = nodes.map(({ port }) => port).toSorted((a, b) => a - b)
  for (const { server } of nodes) {
    const info = String(await server.call('CLUSTER', 'INFO'))
    const replication = String(await server.call('INFO', 'replication'))
    const peers = String(await server.call('CLUSTER', 'NODES'))
      .trim()
      .split('\n')
      .map(parse)
      .filter(({ flags }) => !flags.includes('fail'))
    const known = peers.map(({ port }) => port).toSorted((a, b) => a - b)
    if (!info.includes('cluster_state:ok') || replication.includes('master_link_status:down')) return false
    if (peers.some(({ flags }) => flags.some((flag) => flag === 'fail?' || flag === 'handshake' || flag === 'noaddr'))) return false
    if (known.join() !== ports.join()) return false
    views.add(JSON.stringify(peers.map(({ id, primary, slots }) => [id, primary, ...slots].join(' ')).toSorted((a, b) => (a < b ? -1 : 1))))
  }
  return views.size === 1
}

function parse(line: string): Peer {
  const [id = '', address = '', flags = '', primary = '', , , , , ...slots] = line.split(' ')
  const port = Number(/:(\d+)@/.exec(address)?.[1])
  // Only the two nodes involved list a moving slot, in brackets.
  return { id, flags: flags.split(','), port, primary, slots: slots.filter((slot) => !slot.startsWith('[')) }
}
