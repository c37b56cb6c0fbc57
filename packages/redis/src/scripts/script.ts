import { createHash } from 'node:crypto'
import type { RedisClient } from '../client/connect.ts'
import { messageOf } from '../errors.ts'

/** A Lua script and its SHA-1. Two versions of this package can share a server, since each runs its own hash. */
export interface Script {
  readonly source: string
  readonly sha: string
}

/** The script of a clock (its first part) and a body. */
export function script(clock: string, body: string): Script {
  const source = `${clock}\n${body}`
  return Object.freeze({ source, sha: createHash('sha1').update(source).digest('hex') })
}

/** What is sent to a script: KEYS and ARGV. */
export interface Message {
  readonly keys: readonly string[]
  readonly args: readonly string[]
}

/**
 * Runs a script by its hash. If the server does not know the hash (after a restart, a failover or SCRIPT FLUSH, or on a new node), nothing
 * has run, and the source is sent. Texts in the reply are bytes. No promise of a SCRIPT LOAD is kept, so a failure cannot last.
 */
export async function run(client: RedisClient, { source, sha }: Script, { keys, args }: Message): Promise<unknown> {
  try {
    return await client.callBuffer('evalsha', [sha, keys.length, ...keys, ...args])
  } catch (error) {
    if (!messageOf(error).startsWith('NOSCRIPT')) throw error
    return await client.callBuffer('eval', [source, keys.length, ...keys, ...args])
  }
}
