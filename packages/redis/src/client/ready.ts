import { type Connection, readyWithin, within } from './connect.ts'
import { lastErrorOf } from './last-error.ts'
import { messageOf } from '../errors.ts'
import { type Message, run, type Script } from '../scripts/script.ts'

/** ms that a reading waits for the connection. A feed waits no longer for its first documents. */
const READY_WITHIN = 2_000

/** Resolves when the connection is ready. Rejects after `ms`, with the reason in the words of the client. */
export async function requireReady({ client }: Connection, ms: number): Promise<void> {
  await readyWithin(client, ms)
  if (client.status === 'ready') return
  const last = lastErrorOf(client)
  const { status } = client
  // The status of a client that connects again changes all the time. With it, one reason would be reported as several.
  const named = last === undefined || status === 'end' || status === 'closed' ? ` (${status})` : ''
  throw new Error(`the connection is not ready${named}${last === undefined ? '' : `: ${messageOf(last)}`}`, { cause: last })
}

/** Runs a script on a connection that is ready. Rejects in the words of the server or of the client. */
export async function runWhenReady(connection: Connection, script: Script, message: Message): Promise<readonly unknown[]> {
  await requireReady(connection, READY_WITHIN)
  const { client, timeout } = connection
  return (await within(run(client, script, message), timeout)) as readonly unknown[]
}
