/// <reference types="node" />
import type { Cluster, Redis } from 'ioredis'

export interface TtlRules {
  /** The longest time to live that a key may have, in ms. */
  readonly bound: (key: string) => number
  readonly ignore?: (key: string) => boolean
}

export interface TtlViolation {
  readonly key: string
  /** In ms; -1 has none. */
  readonly pttl: number
  readonly bound: number
}

/** Every key, on every primary, that would outlive its bound, or would stay for ever. */
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

/** Keys that went between the two commands (-2), or go within this millisecond (0), are left out. */
async function* expiries(node: Redis): AsyncGenerator<readonly [key: Buffer, pttl: number]> {
  // A connection of its own: the client's may have a prefix, or no offline queue.
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
