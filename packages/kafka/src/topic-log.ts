import type { SourceDocument, SourceEvent } from '@sluice/core/store-kit'

/** A record of the topic. Without a text, it is a tombstone. */
export interface TopicRecord {
  readonly key: string
  readonly text: string | undefined
  readonly offset: bigint
  /** What the header of the record says; `undefined` without one. */
  readonly revision: number | undefined
}

/** What is known of one key. */
interface Entry {
  readonly latest: TopicRecord
  /** The first record with the highest revision, if headers say it. */
  readonly highest: TopicRecord | undefined
}

interface Waiter {
  readonly round: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const MAX_KEYS = 1_000

/** What one process has read of the topic. */
export class TopicLog {
  /** The offset after the last record. */
  position = 0n
  /** Hears of each record and of each time that the end was reached. */
  listener: ((event: SourceEvent) => void) | undefined
  private readonly entries = new Map<string, Entry>()
  private round = 0
  private hasReachedEnd = false
  private waiters: Waiter[] = []
  private failure: { readonly error: unknown } | undefined

  /** @throws if the topic has more keys than any process has namespaces: it is another topic, and would fill the memory */
  record(record: TopicRecord): void {
    const { key } = record
    if (this.entries.size >= MAX_KEYS && !this.entries.has(key))
      throw new Error(`it has more than ${MAX_KEYS} keys; expected a topic of policies, whose keys are namespaces`)
    const highest = record.text === undefined ? undefined : higher(this.entries.get(key)?.highest, record)
    this.entries.set(key, { latest: record, highest })
    if (record.offset >= this.position) this.position = record.offset + 1n
    this.listener?.(eventOf(record))
  }

  /** A fetch has ended. `next` is the offset after it. */
  fetched(next: bigint, isAtEnd: boolean): void {
    if (next > this.position) this.position = next
    this.round += 1
    if (!isAtEnd) return
    this.hasReachedEnd = true
    this.listener?.({ type: 'progress', cursor: String(this.position) })
    const done = this.waiters.filter(({ round }) => round <= this.round)
    this.waiters = this.waiters.filter((waiter) => !done.includes(waiter))
    for (const { resolve } of done) resolve()
  }

  fail(error: unknown): void {
    this.failure = { error }
    for (const { reject } of this.waiters.splice(0)) reject(error)
  }

  /** Resolves when every record is read that was in the topic at the call. */
  caughtUp(): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure.error)
    // The answer to the fetch that is under way may have been made before the last record was written.
    const round = this.round + (this.hasReachedEnd ? 2 : 1)
    return new Promise((resolve, reject) => this.waiters.push({ round, resolve, reject }))
  }

  /** Both records of a key where they differ: the last one may be a lower revision, and the highest may be no valid document. */
  documents(): readonly SourceDocument[] {
    return [...this.entries].flatMap(([key, { latest, highest }]) => {
      if (latest.text === undefined) return []
      const before = highest === undefined || highest === latest ? [] : [{ key, text: highest.text ?? '' }]
      return [...before, { key, text: latest.text }]
    })
  }

  /** The record of a key that counts: the first one with the highest revision, else the last one. */
  current(key: string): TopicRecord | undefined {
    const entry = this.entries.get(key)
    return entry?.latest.text === undefined ? undefined : (entry.highest ?? entry.latest)
  }

  latest(key: string): TopicRecord | undefined {
    return this.entries.get(key)?.latest
  }

  /** The last record of each key, from an offset on. */
  since(offset: bigint): readonly SourceEvent[] {
    const records = [...this.entries.values()].map(({ latest }) => latest).filter((record) => record.offset >= offset)
    return records.toSorted((a, b) => (a.offset < b.offset ? -1 : 1)).map(eventOf)
  }
}

function higher(known: TopicRecord | undefined, record: TopicRecord): TopicRecord | undefined {
  if (record.revision === undefined) return known
  return known?.revision !== undefined && known.revision >= record.revision ? known : record
}

function eventOf({ key, text, offset }: TopicRecord): SourceEvent {
  const cursor = String(offset + 1n)
  return text === undefined ? { type: 'missing', key, cursor } : { type: 'put', key, text, cursor }
}
