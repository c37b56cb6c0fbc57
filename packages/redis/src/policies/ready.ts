import { type Connection, readyWithin, within } from '../client/connect.ts'
import { lastErrorOf } from '../client/last-error.ts'
import { messageOf } from '../errors.ts'
import { type Message, run, type Script } from '../scripts/script.ts'

/** ms that a reading waits for the connection. A feed waits no longer for its first documents. */
const READY_WITHIN = 2_000

/** Runs a script on a connection that is ready. Rejects in the words of the server or of the client. */
export async function runWhenReady({ client, timeout }: Connection, script: Script, message: Message): Promise<readonly unknown[]> {
  await readyWithin(client, READY_WITHIN)
  if (client.status !== 'ready') {
    const last = lastErrorOf(client)
    throw new Error(`the connection is not ready (${client.status})${last === undefined ? '' : `: ${messageOf(last)}`}`, { cause: last })
  }
  return (await within(run(client, script, message), timeout)) as readonly unknown[]
}
