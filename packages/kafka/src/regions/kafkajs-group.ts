import { systemClock } from '@sluice/core'
import type { KafkajsBatch } from '../readers/kafkajs.ts'
import { FROM, type GroupReader, MAX_WAIT } from './group-reader.ts'
import type { KafkaProducer } from '../producer.ts'

/** A batch of kafkajs, and the partition that it comes from. */
export interface KafkajsGroupBatch extends KafkajsBatch {
  readonly partition: number
}

/** The part of a consumer of kafkajs that is used as a member of a group. */
export interface KafkajsGroupConsumer {
  connect(): Promise<void>
  disconnect(): Promise<void>
  subscribe(subscription: { topics: string[]; fromBeginning: boolean }): Promise<void>
  run(config: {
    autoCommit: boolean
    partitionsConsumedConcurrently: number
    eachBatch: (payload: { readonly batch: KafkajsGroupBatch; heartbeat(this: void): Promise<void> }) => Promise<void>
  }): Promise<void>
  commitOffsets(offsets: { topic: string; partition: number; offset: string }[]): Promise<void>
  on(event: 'consumer.group_join', listener: () => void): unknown
  on(
    event: 'consumer.crash',
    listener: (event: { readonly payload: { readonly error: Error; readonly restart: boolean } }) => void,
  ): unknown
}

/** The part of a producer of kafkajs that is used. */
export interface KafkajsProducer extends KafkaProducer {
  connect(): Promise<void>
  disconnect(): Promise<void>
}

/** What decides on the partition of a message of kafkajs. */
export type KafkajsPartitioner = () => (message: {
  readonly message: { readonly key?: Buffer | string | null }
  readonly partitionMetadata: readonly { readonly partitionId: number }[]
}) => number

/** The part of a `Kafka` of kafkajs that is used by a transport between regions. */
export interface KafkajsGroupClient {
  consumer(config: {
    groupId: string
    allowAutoTopicCreation: boolean
    maxWaitTimeInMs: number
    sessionTimeout: number
    rebalanceTimeout: number
  }): KafkajsGroupConsumer
  producer(config: { allowAutoTopicCreation: boolean; createPartitioner: KafkajsPartitioner }): KafkajsProducer
}

/** ms after which the broker drops a member that it does not hear. Brokers accept 6 s or more. */
const MEMBER_TIMEOUT = 10_000
/** ms between two heartbeats while a batch waits for room. */
const HEARTBEAT = 1_000
/** A batch that waits for room holds up its own partition only. */
const CONCURRENTLY = 16

/** Reads with a consumer of kafkajs that it makes, and ends. */
export function kafkajsGroupReader(client: KafkajsGroupClient): GroupReader {
  return async ({ topic, group, signal }, events) => {
    const consumer = client.consumer({
      groupId: group,
      allowAutoTopicCreation: false,
      maxWaitTimeInMs: MAX_WAIT,
      sessionTimeout: MEMBER_TIMEOUT,
      rebalanceTimeout: MEMBER_TIMEOUT,
    })
    const failed = new Promise<never>((_, reject) => {
      consumer.on('consumer.crash', ({ payload }) => {
        if (payload.restart) events.failed(payload.error)
        else reject(payload.error)
      })
    })
    failed.catch(() => undefined)
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
    const commit = (offsets: readonly { readonly partition: number; readonly offset: bigint }[]): Promise<void> =>
      consumer.commitOffsets(offsets.map(({ partition, offset }) => ({ topic, partition, offset: String(offset) })))
    consumer.on('consumer.group_join', () => events.joined(commit))
    const reading = async (): Promise<void> => {
      await consumer.connect()
      await consumer.subscribe({ topics: [topic], fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        partitionsConsumedConcurrently: CONCURRENTLY,
        eachBatch: async ({ batch, heartbeat }) => {
          for (const { offset, value, headers } of batch.messages) {
            if (signal.aborted) return
            const from = headers?.[FROM]
            events.message({
              partition: batch.partition,
              offset: BigInt(offset),
              body: value ?? Buffer.of(),
              from: from === undefined ? undefined : String(from),
            })
          }
          await beating(Promise.race([events.room(), stopped]), heartbeat)
        },
      })
      await stopped
    }
    try {
      await Promise.race([reading(), failed, stopped])
    } finally {
      // It leaves its group, so that other members get its partitions at once.
      await consumer.disconnect().catch(() => undefined)
    }
  }
}

/** Waits. Heartbeats meanwhile keep this member in its group. */
async function beating(done: Promise<void>, heartbeat: () => Promise<void>): Promise<void> {
  let isDone = false
  const waiting = done.then(() => void (isDone = true))
  while (!isDone) {
    let cancel = (): void => undefined
    const beat = new Promise<void>((resolve) => (cancel = systemClock.after(HEARTBEAT, resolve)))
    await Promise.race([waiting, beat])
    cancel()
    if (!isDone) await heartbeat()
  }
}

/** The partition of the message, so that those of one partition keep their order. */
export const byPartition: KafkajsPartitioner = () => {
  return ({ message, partitionMetadata }) => {
    const ids = partitionMetadata.map(({ partitionId }) => partitionId).toSorted((a, b) => a - b)
    return ids[Number(message.key) % ids.length] ?? 0
  }
}

export function isKafkajsGroupClient(client: unknown): client is KafkajsGroupClient {
  const methods = client as Partial<KafkajsGroupClient> | null | undefined
  return typeof methods?.consumer === 'function' && typeof methods.producer === 'function'
}
