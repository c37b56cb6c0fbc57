import { systemClock } from '@sluice/core'
import { Deliveries, follow, pause, type TransportWarnings, uniqueId } from '@sluice/core/store-kit'
import { openBlocking } from '../../client/blocking.ts'
import type { Connection } from '../../client/connect.ts'
import { requireReady } from '../../client/ready.ts'
import type { BlockingConnection } from '../../client/redis-client.ts'
import { messageOf } from '../../errors.ts'
import type { StreamSettings } from './options.ts'
import { StreamGroup, type StreamPage } from './stream-group.ts'

/** ms between two attempts to read, at most. */
const LONGEST_PAUSE = 5_000
/** ms that an attempt waits for the connection. */
const READY_WITHIN = 2_000
/** Of `claimAfter`, how often messages that are under way are kept, and others are taken. */
const TENDING = 1 / 3

/** What a reader needs. */
export interface StreamReaderParts {
  /** The region whose stream it is. */
  readonly source: string
  readonly connection: Connection
  /** The region that reads. */
  readonly region: string
  readonly settings: StreamSettings
  readonly warnings: TransportWarnings
  readonly apply: (body: Uint8Array) => Promise<void>
}

/** Reads the stream of one other region, in the group of this region, until it is closed. */
export class StreamReader {
  private readonly parts: StreamReaderParts
  private readonly group: StreamGroup
  private readonly deliveries: Deliveries
  private readonly stop = new AbortController()
  private applied: string[] = []
  private acknowledging: Promise<void> = Promise.resolve()
  private readonly loops: readonly Promise<void>[]

  constructor(parts: StreamReaderParts) {
    const { connection, settings, region, source, warnings } = parts
    this.parts = parts
    this.group = new StreamGroup(connection, settings.stream, region, uniqueId())
    this.deliveries = new Deliveries({ apply: parts.apply, done: (id) => this.acknowledge(id) })
    const failed = (error: unknown): void => warnings.failed(`region "${source}"`, error)
    const attempt = (loaded: () => void): Promise<void> => this.read(loaded)
    const { signal } = this.stop
    this.loops = [follow({ clock: systemClock, signal, longest: LONGEST_PAUSE, attempt, failed }), this.tend()]
  }

  /** Stops reading. What is being applied may end, for at most a second. */
  async close(): Promise<void> {
    this.stop.abort()
    await Promise.all(this.loops)
    await this.deliveries.close()
    await this.acknowledging
    if (this.parts.connection.client.status === 'ready') await this.group.leave().catch(() => undefined)
  }

  private async read(loaded: () => void): Promise<void> {
    const { connection, settings, source, warnings } = this.parts
    const { signal } = this.stop
    await requireReady(connection, READY_WITHIN)
    if (signal.aborted) return
    await this.group.open()
    // Also messages whose reply was lost with the last connection.
    await this.deliver((from) => this.group.own(from), '0')
    const blocking = await openBlocking(connection.client)
    const stop = (): void => blocking?.close()
    signal.addEventListener('abort', stop)
    try {
      for (let isFirst = true; !signal.aborted; isFirst = false) {
        await this.deliveries.room()
        const found = await this.once(blocking)
        if (isFirst) loaded()
        warnings.well(`region "${source}"`)
        if (found === 0 && blocking === undefined) await pause(settings.interval, systemClock, signal)
      }
    } finally {
      signal.removeEventListener('abort', stop)
      stop()
    }
  }

  /** Reads what is new. @returns how many messages */
  private async once(blocking: BlockingConnection | undefined): Promise<number> {
    try {
      const messages = blocking === undefined ? (await this.group.fresh()).messages : await this.group.wait(blocking)
      for (const { id, body } of messages) this.deliveries.add(id, body)
      return messages.length
    } catch (error) {
      // The data of the server was deleted, or it lost the last writes in a failover.
      if (!/NOGROUP|UNBLOCKED the stream key/.test(messageOf(error))) throw error
      await this.group.open()
      return 1
    }
  }

  /** Keeps what is under way here, and takes messages of processes that have ended. The reading reports errors. */
  private async tend(): Promise<void> {
    const { signal } = this.stop
    const { claimAfter } = this.parts.settings
    while (!signal.aborted) {
      await pause(claimAfter * TENDING, systemClock, signal)
      if (signal.aborted) return
      const held = this.deliveries.held()
      await this.deliver((from) => this.group.claim(from, claimAfter, from === '0-0' ? held : []), '0-0').catch(() => undefined)
    }
  }

  private async deliver(page: (from: string) => Promise<StreamPage>, first: string): Promise<void> {
    for (let from = first; from !== '' && !this.stop.signal.aborted;) {
      const { next, messages } = await page(from)
      for (const { id, body } of messages) this.deliveries.add(id, body)
      from = next
      await this.deliveries.room()
    }
  }

  /** Acknowledges together what was applied meanwhile. A message whose acknowledgement is lost comes again. */
  private acknowledge(id: string): void {
    this.applied.push(id)
    if (this.applied.length > 1) return
    this.acknowledging = this.acknowledging.then(() => this.group.acknowledge(this.applied.splice(0))).catch(() => undefined)
  }
}
