import { uniqueId } from '@sluice/core/store-kit'
import { type Connection, within } from '../client/connect.ts'
import { requireReady } from '../client/ready.ts'
import { run } from '../scripts/script.ts'
import type { AnalyticsKeys } from './keys.ts'
import type { CountMessage } from './message.ts'

/** ms that a flush waits for the connection. */
const READY_WITHIN = 1_000
/** ms after which a message that was not answered is given up. */
const GIVE_UP_AFTER = 15 * 60_000
/** ms that Redis knows the last message of a process: longer than a message may be sent. */
const MARK_LIVES = 20 * 60_000

interface Pending {
  readonly message: CountMessage
  readonly number: number
  /** By a clock that never goes back. */
  readonly since: number
}

/**
 * Sends the messages of a namespace one after the other. A message whose reply was lost is sent again with the same number, until it is
 * answered. Redis counts each number once, and a later number is sent only then: so neither this nor a client that repeats commands can count
 * twice. Namespaces do not wait for each other, since on a Cluster one server of many can be away.
 */
export class Sender {
  private readonly connection: Connection
  private readonly keys: AnalyticsKeys
  private readonly keep: number
  private readonly boot: string = uniqueId()
  private readonly monotonic: () => number
  /** By namespace, the oldest first. */
  private readonly pending = new Map<string, Pending[]>()
  private number = 0
  private lost = 0

  /** @param keep ms that namespaces are listed after they were counted last */
  constructor(connection: Connection, keys: AnalyticsKeys, keep: number, monotonic: () => number) {
    this.connection = connection
    this.keys = keys
    this.keep = keep
    this.monotonic = monotonic
  }

  /** How many messages are not answered yet. */
  get waiting(): number {
    let count = 0
    for (const pending of this.pending.values()) count += pending.length
    return count
  }

  /** How many requests and refusals were given up since the last call. */
  takeLost(): number {
    const { lost } = this
    this.lost = 0
    return lost
  }

  /** Rejects with the reason if there is no connection. */
  ready(): Promise<void> {
    return requireReady(this.connection, READY_WITHIN)
  }

  queue(messages: readonly CountMessage[]): void {
    const since = this.monotonic()
    for (const message of messages) {
      const pending = this.pending.get(message.namespace) ?? []
      this.pending.set(message.namespace, pending)
      pending.push({ message, number: ++this.number, since })
    }
  }

  /** Sends all that is pending. Rejects if a message is not answered; it and the later ones of its namespace stay pending. */
  async send(now: number): Promise<void> {
    const namespaces = [...this.pending.keys()]
    if (namespaces.length === 0) return
    const sent = await Promise.allSettled(namespaces.map((namespace) => this.sendAll(namespace)))
    for (const result of sent) if (result.status === 'rejected') throw result.reason
    await this.list(namespaces, now)
  }

  private async sendAll(namespace: string): Promise<void> {
    const pending = this.pending.get(namespace) ?? []
    for (let first = pending[0]; first !== undefined; first = pending[0]) {
      if (this.monotonic() - first.since > GIVE_UP_AFTER) this.lost += first.message.counts
      else await this.sendOne(first)
      pending.shift()
    }
    this.pending.delete(namespace)
  }

  private async sendOne({ message: { namespace, script, keys, args }, number }: Pending): Promise<void> {
    const { client, timeout } = this.connection
    const message = {
      keys: [this.keys.sent(namespace, this.boot), ...keys],
      args: [String(number), String(MARK_LIVES), ...args()],
    }
    await within(run(client, script, message), timeout)
  }

  /** Where readers find the namespaces. A second attempt changes nothing. */
  private async list(namespaces: readonly string[], now: number): Promise<void> {
    const { client, timeout } = this.connection
    const { namespaces: key } = this.keys
    const commands = [
      client.callBuffer('zadd', [key, ...namespaces.flatMap((namespace) => [String(now), namespace])]),
      client.callBuffer('zremrangebyscore', [key, '-inf', String(now - this.keep)]),
      client.callBuffer('pexpire', [key, String(this.keep)]),
    ]
    await within(Promise.all(commands), timeout)
  }
}
