import { type Clock, systemClock } from '@sluice/core'
import { completeClock } from '@sluice/core/store-kit'
import { openBlocking } from '../client/blocking.ts'
import { type Connection, within } from '../client/connect.ts'
import type { BlockingConnection } from '../client/redis-client.ts'
import { messageOf } from '../errors.ts'
import type { Message, Script } from '../scripts/script.ts'

/** ms for which a replica may take to confirm a write. */
const WAIT = 500
/** ms that a command may take beside that. */
const SLACK = 1_000
/** ms after which it is asked again whether the server has replicas. */
const ROLE_FOR = 10_000

/** Runs scripts whose effect must survive a failover, on a connection of its own, so that no decision waits behind them. */
export class Replicated {
  private readonly connection: Connection
  private readonly clock: Required<Clock> = completeClock(systemClock)
  private blocking: Promise<BlockingConnection | undefined> | undefined
  private role: { readonly at: number; readonly hasReplicas: boolean } | undefined

  constructor(connection: Connection) {
    this.connection = connection
  }

  /**
   * Runs a script, and waits until a replica has its effect.
   * @returns the reply, and whether a failover keeps the effect; `undefined` without replicas, or for a client that opens no second connection
   */
  async run(script: Script, message: Message): Promise<{ readonly reply: unknown; readonly isSafe: boolean } | undefined> {
    const [key = ''] = message.keys
    try {
      const blocking = await (this.blocking ??= openBlocking(this.connection.client))
      // On a cluster, WAIT would have to go to the node of the key.
      if (blocking === undefined || this.connection.client.isCluster === true || !(await this.hasReplicas(blocking, key))) return undefined
      const reply = await evaluate(blocking, script, message)
      const confirmed = await within(blocking.command(key, ['wait', '1', String(WAIT)]), WAIT + SLACK)
      return { reply, isSafe: Number(confirmed) > 0 }
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async close(): Promise<void> {
    const { blocking } = this
    this.blocking = undefined
    this.role = undefined
    await blocking?.then((opened) => opened?.close()).catch(() => undefined)
  }

  private async hasReplicas(blocking: BlockingConnection, key: string): Promise<boolean> {
    const now = this.clock.monotonic()
    if (this.role === undefined || now - this.role.at > ROLE_FOR) {
      const hasReplicas = await this.askRole(blocking, key)
      this.role = { at: now, hasReplicas }
    }
    return this.role.hasReplicas
  }

  private async askRole(blocking: BlockingConnection, key: string): Promise<boolean> {
    try {
      const [, , replicas] = (await within(blocking.command(key, ['role']), SLACK)) as readonly unknown[]
      return Array.isArray(replicas) && replicas.length > 0
    } catch (error) {
      // A user without the permission does without the wait, as described in docs/regions.md.
      if (messageOf(error).startsWith('NOPERM')) return false
      throw error
    }
  }
}

async function evaluate(blocking: BlockingConnection, { source, sha }: Script, { keys, args }: Message): Promise<unknown> {
  const rest = [String(keys.length), ...keys, ...args]
  const [key = ''] = keys
  try {
    return await within(blocking.command(key, ['evalsha', sha, ...rest]), SLACK)
  } catch (error) {
    if (!messageOf(error).startsWith('NOSCRIPT')) throw error
    return await within(blocking.command(key, ['eval', source, ...rest]), SLACK)
  }
}
