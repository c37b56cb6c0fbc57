/** A message that a member of a consumer group was given. */
export interface GroupMessage {
  readonly partition: number
  readonly offset: bigint
  readonly body: Uint8Array
  /** The region that has sent it, if its header says so. */
  readonly from: string | undefined
}

/** What is committed: the offset after the last message that is applied, with all before it. */
export interface CommittedOffset {
  readonly partition: number
  readonly offset: bigint
}

/** What a reader of a group reports. */
export interface GroupEvents {
  /** The partitions were divided among the members. What was not committed comes again. */
  joined(commit: (offsets: readonly CommittedOffset[]) => Promise<void>): void
  message(message: GroupMessage): void
  /** Resolves when there is room for more messages. */
  room(): Promise<void>
  /** The client could not read, and tries again by itself. */
  failed(error: unknown): void
}

/** Which group reads which topic. */
export interface GroupReading {
  readonly topic: string
  readonly group: string
  readonly signal: AbortSignal
}

/** Reads as a member of a group, until the signal is aborted. Rejects if it cannot. */
export type GroupReader = (reading: GroupReading, events: GroupEvents) => Promise<void>

/** The header with the name of the region that has sent a message. */
export const FROM = 'from'

/** ms that the broker waits for a message. A new one ends the wait at once. */
export const MAX_WAIT = 1_000
