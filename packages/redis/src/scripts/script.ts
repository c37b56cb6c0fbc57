import { createHash } from 'node:crypto'
import type { RedisClient } from '../client/connect.ts'
import { messageOf } from '../errors.ts'

/** A Lua script and its SHA-1. Two versions of this package can share a server, since each runs its own hash. */
export interface Script {
  readonly source: string
  readonly sha: string
}

export function script(source: string): Script {
  return Object.freeze({ source, sha: createHash('sha1').update(source).digest('hex') })
}

/** What is sent to a script: KEYS, and ARGV[1]. */
export interface Message {
  readonly keys: readonly string[]
  readonly argument: string
}

/**
 * Runs a script by its hash. If the server does not know the hash (after a restart, a failover or SCRIPT FLUSH, or on a new node), nothing
 * has run, and the source is sent. Texts in the reply are bytes. No promise of a SCRIPT LOAD is kept, so a failure cannot last.
 */
export async function run(client: RedisClient, { source, sha }: Script, { keys, argument }: Message): Promise<unknown> {
  try {
    return await client.callBuffer('evalsha', [sha, keys.length, ...keys, argument])
  } catch (error) {
    if (!messageOf(error).startsWith('NOSCRIPT')) throw error
    return await client.callBuffer('eval', [source, keys.length, ...keys, argument])
  }
}
