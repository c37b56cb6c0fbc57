import type { TopicRecord } from '../topic-log.ts'

/** What a reader reports, in the order of the topic. */
export interface ReaderEvents {
  record(record: TopicRecord): void
  /** A fetch has ended. `isAtEnd`: there was nothing after it. */
  fetched(next: bigint, isAtEnd: boolean): void
}

/** How a topic is read. `maxWait`: ms that the broker waits for a record before it answers with none. */
export interface Reading {
  readonly topic: string
  readonly maxWait: number
  readonly signal: AbortSignal
}

/** Reads a topic from its beginning on, until the signal is aborted. Rejects if it cannot. */
export type Reader = (reading: Reading, events: ReaderEvents) => Promise<void>

/** The header with the revision of a document. */
export const REVISION = 'revision'

/** As a document says it, at the top of YAML or JSON. Only for records of other publishers, which have no header. */
const IN_TEXT = /(?:^|[{,\n])\s*["']?revision["']?\s*:\s*(\d{1,15})\b/

/** A record as both clients have it. A record without a key is none of ours. */
export function recordOf(offset: bigint, key: Buffer | null, value: Buffer | null, header: unknown): TopicRecord | undefined {
  if (key === null) return undefined
  const text = value?.toString()
  const number = Buffer.isBuffer(header) || typeof header === 'string' ? String(header) : IN_TEXT.exec(text ?? '')?.[1]
  const revision = number !== undefined && /^\d{1,16}$/.test(number) ? Number(number) : undefined
  return { key: key.toString(), text, offset, revision: Number.isSafeInteger(revision) ? revision : undefined }
}

/** With several partitions there is no order among revisions. */
export function checkPartitions(topic: string, count: number): void {
  if (count !== 1) throw new Error(`topic "${topic}" has ${count} partitions; create it with one, and cleanup.policy=compact`)
}
