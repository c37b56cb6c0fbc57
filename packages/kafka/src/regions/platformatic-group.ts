import { FROM, type GroupReader, MAX_WAIT } from './group-reader.ts'

/** A message of `@platformatic/kafka`. */
export interface PlatformaticMessage {
  readonly partition: number
  readonly offset: bigint
  readonly value: Buffer | null
  readonly headers: ReadonlyMap<unknown, unknown>
  readonly leaderEpoch?: number
}

/** What `consume` of `@platformatic/kafka` gives. */
export interface PlatformaticStream extends AsyncIterable<PlatformaticMessage> {
  close(): Promise<void>
}

/** The part of a `Consumer` of `@platformatic/kafka` that is used as a member of its group. */
export interface PlatformaticGroupConsumer {
  readonly groupId: string
  consume(options: {
    topics: string[]
    mode: 'committed'
    fallbackMode: 'earliest'
    autocommit: boolean
    maxWaitTime: number
  }): Promise<PlatformaticStream>
  commit(options: { offsets: { topic: string; partition: number; offset: bigint; leaderEpoch: number }[] }): Promise<void>
  leaveGroup(force?: boolean): Promise<void>
  on(event: 'consumer:group:join', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'consumer:group:join', listener: () => void): unknown
}

/** Reads with the consumer of the caller, which leaves its group afterwards and stays open. */
export function platformaticGroupReader(consumer: PlatformaticGroupConsumer): GroupReader {
  let failed: (error: Error) => void = () => undefined
  // It emits an error when it gives its group up, also while nothing reads. Without a listener, that would end the process.
  consumer.on('error', (error) => failed(error))
  return async ({ topic, signal }, events) => {
    const epochs = new Map<number, number>()
    const commit = (offsets: readonly { readonly partition: number; readonly offset: bigint }[]): Promise<void> =>
      consumer.commit({
        offsets: offsets.map(({ partition, offset }) => ({ topic, partition, offset, leaderEpoch: epochs.get(partition) ?? 0 })),
      })
    const joined = (): void => events.joined(commit)
    consumer.on('consumer:group:join', joined)
    const broken = new Promise<never>((_, reject) => (failed = reject))
    let isOver = false
    broken.catch(() => (isOver = true))
    let stream: PlatformaticStream | undefined
    const stop = (): void => void stream?.close().catch(() => undefined)
    signal.addEventListener('abort', stop)
    const read = async (messages: PlatformaticStream): Promise<void> => {
      for await (const { partition, offset, value, headers, leaderEpoch } of messages) {
        if (signal.aborted || isOver) return
        if (leaderEpoch !== undefined) epochs.set(partition, leaderEpoch)
        events.message({ partition, offset, body: value ?? Buffer.of(), from: fromIn(headers) })
        await events.room()
      }
    }
    try {
      stream = await consumer.consume({
        topics: [topic],
        mode: 'committed',
        fallbackMode: 'earliest',
        autocommit: false,
        maxWaitTime: MAX_WAIT,
      })
      if (!signal.aborted) await Promise.race([read(stream), broken])
    } finally {
      signal.removeEventListener('abort', stop)
      consumer.off('consumer:group:join', joined)
      await stream?.close().catch(() => undefined)
      await consumer.leaveGroup(true).catch(() => undefined)
    }
  }
}

/** The names of headers are bytes, so a map does not find them. */
function fromIn(headers: ReadonlyMap<unknown, unknown>): string | undefined {
  for (const [name, value] of headers) if (String(name) === FROM) return String(value)
  return undefined
}

export function isPlatformaticGroupConsumer(client: unknown): client is PlatformaticGroupConsumer {
  const methods = client as Partial<PlatformaticGroupConsumer> | null | undefined
  return typeof methods?.consume === 'function' && typeof methods.commit === 'function' && typeof methods.leaveGroup === 'function'
}
