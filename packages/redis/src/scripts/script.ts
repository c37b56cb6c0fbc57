import { createHash } from 'node:crypto'
import type { RedisClient } from '../client/connect.ts'
import { messageOf } from '../errors.ts'

/** A Lua script with its own identity: two versions of this package can share a server. */
export interface Script {
  readonly source: string
  readonly sha: string
}

export function script(source: string): Script {
  return Object.freeze({ source, sha: createHash('sha1').update(source).digest('hex') })
}

/**
 * Runs a script, its texts told as bytes, by its hash, or by its source where the server does not know it (restart, failover, SCRIPT FLUSH, a new
 * node): then nothing has run, so nothing runs twice. No promise of an earlier load is kept that could have failed.
 */
export async function run(client: RedisClient, { source, sha }: Script, keys: readonly string[], argument: string): Promise<unknown> {
  try {
    return await client.callBuffer('evalsha', [sha, keys.length, ...keys, argument])
  } catch (error) {
    if (!messageOf(error).startsWith('NOSCRIPT')) throw error
    return await client.callBuffer('eval', [source, keys.length, ...keys, argument])
  }
}
