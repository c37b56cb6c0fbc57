import { checkPartitions, type Reader, recordOf, REVISION } from './reader.ts'

/** What `fetch` of `@platformatic/kafka` takes. */
export interface PlatformaticFetch {
  readonly node: number
  readonly topics: {
    topicId: string
    partitions: {
      partition: number
      fetchOffset: bigint
      partitionMaxBytes: number
      currentLeaderEpoch: number
      lastFetchedEpoch: number
    }[]
  }[]
  readonly minBytes: number
  readonly maxBytes: number
  readonly maxWaitTime: number
}

/** What `fetch` of `@platformatic/kafka` answers for one partition. */
export interface FetchedPartition {
  readonly partitionIndex: number
  readonly highWatermark: bigint
  readonly records?:
    | readonly {
        readonly firstOffset: bigint
        readonly lastOffsetDelta: number
        readonly attributes: number
        readonly records: readonly {
          readonly offsetDelta: number
          readonly key: Buffer | null
          readonly value: Buffer | null
          readonly headers: readonly (readonly [Buffer | null, Buffer | null])[]
        }[]
      }[]
    | null
}

/** The part of a `Consumer` of `@platformatic/kafka` that is used. It joins no group. */
export interface PlatformaticConsumer {
  metadata(options: { topics?: string[]; autocreateTopics?: boolean; forceUpdate?: boolean }): Promise<{
    readonly topics: ReadonlyMap<
      string,
      { readonly id: string; readonly partitions: Readonly<Record<number, { readonly leader: number }>> }
    >
  }>
  listOffsets(options: { topics: string[]; timestamp?: bigint }): Promise<ReadonlyMap<string, readonly bigint[]>>
  fetch(options: PlatformaticFetch): Promise<{ readonly responses: readonly { readonly partitions: readonly FetchedPartition[] }[] }>
}

const EARLIEST = -2n
const LATEST = -1n
/** More than a document of 1 MiB. */
const MAX_BYTES = 8 * 1_048_576
/** Marks a batch of the broker's own, such as the end of a transaction. */
const IS_CONTROL = 0b10_0000

/** Reads the partition itself: neither a group nor an offset is stored in Kafka. */
export function platformaticReader(client: PlatformaticConsumer): Reader {
  return async ({ topic, maxWait, signal }, events) => {
    const { topics } = await client.metadata({ topics: [topic], autocreateTopics: false, forceUpdate: true })
    const found = topics.get(topic)
    const partitions = Object.values(found?.partitions ?? {})
    checkPartitions(topic, partitions.length)
    const [begin, end] = [await offsetOf(client, topic, EARLIEST), await offsetOf(client, topic, LATEST)]
    let next = begin
    // The first fetch of an empty topic would wait for its first record.
    if (begin === end) events.fetched(begin, true)
    const stopped = new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }))
    while (!signal.aborted) {
      const fetched = client.fetch({
        node: partitions[0]?.leader ?? 0,
        topics: [{ topicId: found?.id ?? '', partitions: [partitionAt(next)] }],
        minBytes: 1,
        maxBytes: MAX_BYTES,
        maxWaitTime: maxWait,
      })
      // The broker may hold a fetch for a while, and a close does not wait for that.
      const answer = await Promise.race([fetched, stopped])
      if (answer === undefined || signal.aborted) return
      const { responses } = answer
      // A broker that has nothing new may leave the partition out.
      const partition = responses.flatMap((response) => response.partitions).find(({ partitionIndex }) => partitionIndex === 0)
      const batches = partition?.records ?? []
      for (const batch of batches) {
        if ((batch.attributes & IS_CONTROL) === 0) {
          for (const { offsetDelta, key, value, headers } of batch.records) {
            const offset = batch.firstOffset + BigInt(offsetDelta)
            const revision = headers.find(([name]) => name?.toString() === REVISION)?.[1]
            // A batch begins before the offset that was asked for.
            const record = offset < next ? undefined : recordOf(offset, key, value, revision)
            if (record !== undefined) events.record(record)
          }
        }
        next = maxOf(next, batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n)
      }
      events.fetched(next, batches.length === 0 || next >= (partition?.highWatermark ?? 0n))
    }
  }
}

async function offsetOf(client: PlatformaticConsumer, topic: string, timestamp: bigint): Promise<bigint> {
  const offsets = await client.listOffsets({ topics: [topic], timestamp })
  return offsets.get(topic)?.[0] ?? 0n
}

function partitionAt(fetchOffset: bigint): PlatformaticFetch['topics'][number]['partitions'][number] {
  return { partition: 0, fetchOffset, partitionMaxBytes: MAX_BYTES, currentLeaderEpoch: -1, lastFetchedEpoch: -1 }
}

function maxOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
