import { uniqueId } from '@sluice/core/store-kit'
import { checkPartitions, type Reader, recordOf, REVISION } from './reader.ts'

/** The headers of a message of kafkajs. */
export type KafkajsHeaders = Readonly<Record<string, Buffer | string | (Buffer | string)[] | undefined>>

/** A batch of kafkajs. */
export interface KafkajsBatch {
  readonly messages: readonly {
    readonly offset: string
    readonly key: Buffer | null
    readonly value: Buffer | null
    readonly headers?: KafkajsHeaders | undefined
  }[]
}

/** The part of a consumer of kafkajs that is used. */
export interface KafkajsConsumer {
  connect(): Promise<void>
  disconnect(): Promise<void>
  subscribe(subscription: { topics: string[]; fromBeginning: boolean }): Promise<void>
  run(config: { autoCommit: boolean; eachBatch: (payload: { readonly batch: KafkajsBatch }) => Promise<void> }): Promise<void>
  on(
    event: 'consumer.crash',
    listener: (event: { readonly payload: { readonly error: Error; readonly restart: boolean } }) => void,
  ): unknown
  on(event: 'consumer.fetch', listener: () => void): unknown
  on(
    event: 'consumer.end_batch_process',
    listener: (event: { readonly payload: { readonly lastOffset: string; readonly highWatermark: string } }) => void,
  ): unknown
}

/** The part of an admin of kafkajs that is used. */
export interface KafkajsAdmin {
  connect(): Promise<void>
  disconnect(): Promise<void>
  fetchTopicOffsets(topic: string): Promise<readonly { readonly low: string; readonly high: string }[]>
}

/** The part of a `Kafka` of kafkajs that is used. */
export interface KafkajsClient {
  consumer(config: {
    groupId: string
    allowAutoTopicCreation: boolean
    maxWaitTimeInMs: number
    sessionTimeout: number
    rebalanceTimeout: number
  }): KafkajsConsumer
  admin(): KafkajsAdmin
}

/**
 * ms after which the broker drops a member that it does not hear. If the answer to a join is lost, kafkajs joins again as another member, and
 * the group waits for the first one. The default of kafkajs is 30 s. Brokers accept 6 s or more.
 */
const MEMBER_TIMEOUT = 10_000

/** Reads as the only member of a new group, since kafkajs reads in no other way. Nothing is committed, so the group ends with its member. */
export function kafkajsReader(client: KafkajsClient, group: string): Reader {
  return async ({ topic, maxWait, signal }, events) => {
    const { low, high } = await endsOf(client, topic)
    if (signal.aborted) return
    const isEmpty = low === high
    const consumer = client.consumer({
      groupId: `${group}-${uniqueId()}`,
      allowAutoTopicCreation: false,
      maxWaitTimeInMs: maxWait,
      sessionTimeout: MEMBER_TIMEOUT,
      rebalanceTimeout: MEMBER_TIMEOUT,
    })
    let hasFetched = false
    const failed = new Promise<never>((_, reject) => {
      consumer.on('consumer.crash', ({ payload }) => {
        // A broker that has just started refuses to form a group, and kafkajs tries again by itself.
        if (hasFetched || !payload.restart) reject(payload.error)
      })
    })
    failed.catch(() => undefined)
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    // kafkajs does not say what a fetch brought. One without a batch before the next fetch was empty.
    let next = BigInt(low)
    let hasBatch = true
    consumer.on('consumer.fetch', () => {
      if (!hasBatch) events.fetched(next, true)
      hasBatch = false
      hasFetched = true
    })
    // Also comes for a batch of which no message is left.
    consumer.on('consumer.end_batch_process', ({ payload }) => {
      hasBatch = true
      next = BigInt(payload.lastOffset) + 1n
      if (!signal.aborted) events.fetched(next, next >= BigInt(payload.highWatermark))
    })
    const eachBatch = async ({ batch }: { readonly batch: KafkajsBatch }): Promise<void> => {
      for (const { offset, key, value, headers } of batch.messages) {
        const record = recordOf(BigInt(offset), key, value, headers?.[REVISION])
        if (record !== undefined && !signal.aborted) events.record(record)
      }
    }
    const reading = async (): Promise<void> => {
      await consumer.connect()
      await consumer.subscribe({ topics: [topic], fromBeginning: true })
      await consumer.run({ autoCommit: false, eachBatch })
      if (isEmpty) events.fetched(next, true)
      await stopped
    }
    try {
      await Promise.race([reading(), failed, stopped])
    } finally {
      // It leaves its group, so that the group ends at once.
      await consumer.disconnect().catch(() => undefined)
    }
  }
}

async function endsOf(client: KafkajsClient, topic: string): Promise<{ readonly low: string; readonly high: string }> {
  const admin = client.admin()
  try {
    await admin.connect()
    const partitions = await admin.fetchTopicOffsets(topic)
    checkPartitions(topic, partitions.length)
    return partitions[0] ?? { low: '0', high: '0' }
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}
