import { systemClock } from '@sluice/core'
import { Deliveries, follow } from '@sluice/core/store-kit'
import type { CommittedOffset, GroupMessage, GroupReader } from './group-reader.ts'
import { Offsets } from './offsets.ts'

/** ms between two attempts to read, at most. */
const LONGEST_PAUSE = 5_000
/** ms that a close waits for the client, which may not reach its broker. */
const CLOSING = 2_000

/** What a subscription needs. */
export interface SubscriptionParts {
  readonly reader: GroupReader
  readonly topic: string
  readonly group: string
  /** The region that reads. Its own messages are in the topic too. */
  readonly region: string
  readonly apply: (body: Uint8Array) => Promise<void>
  readonly failed: (error: unknown) => void
  readonly well: () => void
}

/** Reads the topic as a member of the group of its region, until it is closed. */
export class KafkaSubscription {
  private readonly parts: SubscriptionParts
  private readonly deliveries: Deliveries
  private readonly offsets = new Offsets()
  private readonly stop = new AbortController()
  private commit: (offsets: readonly CommittedOffset[]) => Promise<void> = () => Promise.resolve()
  private readonly due = new Map<number, bigint>()
  private committing: Promise<void> = Promise.resolve()
  private readonly reading: Promise<void>

  constructor(parts: SubscriptionParts) {
    this.parts = parts
    this.deliveries = new Deliveries({ apply: parts.apply, done: (id) => this.applied(id) })
    const { signal } = this.stop
    const attempt = (loaded: () => void): Promise<void> => this.read(loaded)
    this.reading = follow({ clock: systemClock, signal, longest: LONGEST_PAUSE, attempt, failed: parts.failed })
  }

  /** Stops reading. What is being applied may end, for at most a second, and is committed. */
  async close(): Promise<void> {
    await this.deliveries.close()
    let cancel = (): void => undefined
    const late = new Promise<void>((resolve) => (cancel = systemClock.after(CLOSING, resolve)))
    await Promise.race([this.committing, late])
    this.stop.abort()
    await Promise.race([this.reading, late])
    cancel()
  }

  private read(loaded: () => void): Promise<void> {
    const { reader, topic, group, failed, well } = this.parts
    const joined = (commit: (offsets: readonly CommittedOffset[]) => Promise<void>): void => {
      this.commit = commit
      this.offsets.clear()
      this.due.clear()
      loaded()
      well()
    }
    const message = (one: GroupMessage): void => this.message(one)
    return reader({ topic, group, signal: this.stop.signal }, { joined, message, room: () => this.deliveries.room(), failed })
  }

  private message({ partition, offset, body, from }: GroupMessage): void {
    this.offsets.begin(partition, offset)
    if (from === this.parts.region) this.applied(`${partition}:${offset}`)
    else this.deliveries.add(`${partition}:${offset}`, body)
  }

  /** Commits together what was applied meanwhile. After a commit that failed, messages may come again. */
  private applied(id: string): void {
    const [partition = '', offset = ''] = id.split(':')
    const next = this.offsets.done(Number(partition), BigInt(offset))
    if (next === undefined) return
    const isFirst = this.due.size === 0
    this.due.set(Number(partition), next)
    if (isFirst) this.committing = this.committing.then(() => this.commitDue()).catch(() => undefined)
  }

  private async commitDue(): Promise<void> {
    const offsets = Array.from(this.due, ([partition, offset]) => ({ partition, offset }))
    this.due.clear()
    if (offsets.length > 0) await this.commit(offsets)
  }
}
