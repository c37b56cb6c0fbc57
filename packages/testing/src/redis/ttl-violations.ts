/// <reference types="node" />
import type { Cluster, Redis } from 'ioredis'

export interface TtlRules {
  /**
   * The longest allowed time to live of a key, in ms. `value`: the value of a key that is a string, else `null`. `fields`: those of a hash,
   * else empty.
   */
  readonly bound: (key: string, value: Buffer | null, fields: Readonly<Record<string, Buffer>>) => number
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
    for await (const [bytes, pttl, value, fields] of expiries(node)) {
      const key = bytes.toString()
      if (ignore?.(key) === true) continue
      const longest = bound(key, value, fields)
      if (pttl === -1 || pttl > longest) found.push({ key, pttl, bound: longest })
    }
  }
  return found
}

/** Leaves out keys that expire between the two commands (-2) or within this millisecond (0). */
async function* expiries(
  node: Redis,
): AsyncGenerator<readonly [key: Buffer, pttl: number, value: Buffer | null, fields: Readonly<Record<string, Buffer>>]> {
  // A separate connection, since the client may have a key prefix or no offline queue.
  const reader = node.duplicate({ keyPrefix: '', lazyConnect: true, enableOfflineQueue: true, commandTimeout: 10_000 })
  reader.on('error', () => undefined)
  try {
    await reader.connect()
    let cursor = '0'
    do {
      const [next, keys] = await reader.scanBuffer(cursor, 'COUNT', 1000)
      cursor = next.toString()
      // The value before the time: one that is written in between lives longer than it may.
      const answers = await Promise.all(
        keys.map((key) =>
          Promise.all([reader.getBuffer(key).catch(() => null), reader.hgetallBuffer(key).catch(() => ({})), reader.pttl(key)]),
        ),
      )
      for (const [i, [value, fields, pttl]] of answers.entries()) if (pttl !== -2 && pttl !== 0) yield [keys[i]!, pttl, value, fields]
    } while (cursor !== '0')
  } finally {
    reader.disconnect()
  }
}
