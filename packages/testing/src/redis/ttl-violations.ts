/// <reference types="node" />
import type { Cluster, Redis } from 'ioredis'

export interface TtlRules {
  /** The longest allowed time to live of a key, in ms. */
  readonly bound: (key: string) => number
  /** Keys to leave out. */
  readonly ignore?: (key: string) => boolean
}

export interface TtlViolation {
  readonly key: string
  /** ms; -1 for a key that never expires. */
  readonly pttl: number
  readonly bound: number
}

/** Every key, on every primary, that lives longer than its bound or never expires. */
export async function ttlViolations(client: Redis | Cluster, { bound, ignore }: TtlRules): Promise<readonly TtlViolation[]> {
  const nodes = 'nodes' in client ? client.nodes('master') : [client]
  const found: TtlViolation[] = []
  for (const node of nodes) {
    for await (const [bytes, pttl] of expiries(node)) {
      const key = bytes.toString()
      if (ignore?.(key) === true) continue
      const longest = bound(key)
      if (pttl === -1 || pttl > longest) found.push({ key, pttl, bound: longest })
    }
  }
  return found
}

/** Leaves out keys that expire between the two commands (-2) or within this millisecond (0). */
async function* expiries(node: Redis): AsyncGenerator<readonly [key: Buffer, pttl: number]> {
  // A separate connection, since the client may have a key prefix or no offline queue.
  const reader = node.duplicate({ keyPrefix: '', lazyConnect: true, enableOfflineQueue: true, commandTimeout: 10_000 })
  reader.on('error', () => undefined)
  try {
    await reader.connect()
    let cursor = '0'
    do {
      const [next, keys] = await reader.scanBuffer(cursor, 'COUNT', 1000)
      cursor = next.toString()
      const answers = await Promise.all(keys.map((key) => reader.pttl(key)))
      for (const [i, pttl] of answers.entries()) if (pttl !== -2 && pttl !== 0) yield [keys[i]!, pttl]
    } while (cursor !== '0')
  } finally {
    reader.disconnect()
  }
}
