import * as platformatic2 from '@platformatic/kafka'
import type { KafkaClient, KafkaProducer } from '@sluice/kafka'
import { waitUntil } from '@sluice/testing/processes'
import { Kafka, type KafkaMessage, logLevel, Partitioners } from 'kafkajs'
import * as platformatic1 from 'platformatic-kafka-1'
import { onTestFinished } from 'vitest'

/** How to make the clients of a library. Each ends with the test. */
export interface Library {
  /** @param timeout ms that the client waits for an answer */
  client(address: string, timeout?: number): KafkaClient
  producer(address: string): Promise<KafkaProducer>
}

let clients = 0
const named = (): string => `test-${(clients += 1)}`

const kafkajs = (address: string, requestTimeout = 2_000): Kafka =>
  new Kafka({
    clientId: named(),
    brokers: [address],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    requestTimeout,
    retry: { retries: 2 },
  })

const platformatic = ({ Consumer, Producer }: Pick<typeof platformatic2, 'Consumer' | 'Producer'>): Library => ({
  client(address, timeout = 2_000) {
    const options = { clientId: named(), groupId: 'not-joined', bootstrapBrokers: [address], timeout, retries: 0 }
    const consumer = new Consumer(options)
    onTestFinished(() => consumer.close(true).catch(() => undefined))
    return consumer
  },
  async producer(address) {
    const producer = new Producer({ clientId: named(), bootstrapBrokers: [address] })
    onTestFinished(() => producer.close().catch(() => undefined))
    return producer
  },
})

export const LIBRARIES: Readonly<Record<'kafkajs' | 'platformatic 2' | 'platformatic 1', Library>> = {
  kafkajs: {
    client: kafkajs,
    async producer(address) {
      const producer = kafkajs(address).producer({ createPartitioner: Partitioners.DefaultPartitioner })
      await producer.connect()
      onTestFinished(() => producer.disconnect())
      return producer
    },
  },
  'platformatic 2': platformatic(platformatic2),
  'platformatic 1': platformatic(platformatic1 as unknown as typeof platformatic2),
}

/** What the tests do with a topic besides. */
export class Topic {
  readonly name: string
  private readonly kafka: Kafka
  private readonly ready: () => Promise<void>

  constructor(address: string, config: Readonly<Record<string, string>> = {}, partitions = 1) {
    this.name = `policies-${named()}`
    this.kafka = kafkajs(address)
    const admin = this.kafka.admin()
    const configEntries = Object.entries({ 'cleanup.policy': 'compact', ...config }).map(([name, value]) => ({ name, value }))
    const topics = [{ topic: this.name, numPartitions: partitions, replicationFactor: 1, configEntries }]
    this.ready = async () => {
      await admin.connect()
      await admin.createTopics({ topics, waitForLeaders: false })
      // kafkajs does not wait for a broker that does not know the topic yet, as one that has just started.
      await waitUntil(`the topic ${this.name}`, async () => {
        const { topics: known } = await admin.fetchTopicMetadata({ topics: [this.name] })
        return known[0]?.partitions.length === partitions && known[0].partitions.every(({ leader }) => leader >= 0)
      })
      await admin.disconnect()
    }
  }

  async created(): Promise<this> {
    await this.ready()
    return this
  }

  /** Writes records without looking what is there. A record without a text is a tombstone. */
  async write(...records: readonly { readonly key: string; readonly text: string | null; readonly revision?: number }[]): Promise<void> {
    const producer = this.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, retry: { retries: 10 } })
    await producer.connect()
    const messages = records.map(({ key, text, revision }) => {
      return { key, value: text, ...(revision === undefined ? {} : { headers: { revision: String(revision) } }) }
    })
    await producer.send({ topic: this.name, messages })
    await producer.disconnect()
  }

  async delete(): Promise<void> {
    const admin = this.kafka.admin()
    await admin.connect()
    await admin.deleteTopics({ topics: [this.name] })
    await admin.disconnect()
  }

  /** The offsets of the records that are still there. */
  async offsets(): Promise<readonly number[]> {
    return (await this.records()).map(({ offset }) => Number(offset))
  }

  /** The text of the last record of a key: what compaction leaves of it. */
  async last(key: string): Promise<string | undefined> {
    return (await this.records()).findLast((message) => message.key?.toString() === key)?.value?.toString()
  }

  /** All records as they are: their keys, and their values as JSON. */
  async keyed(): Promise<readonly { readonly key: string | undefined; readonly value: unknown }[]> {
    return (await this.records()).map(({ key, value }) => ({ key: key?.toString(), value: JSON.parse(String(value)) as unknown }))
  }

  async values(): Promise<readonly unknown[]> {
    return (await this.keyed()).map(({ value }) => value)
  }

  private async records(): Promise<readonly KafkaMessage[]> {
    const found: KafkaMessage[] = []
    const admin = this.kafka.admin()
    await admin.connect()
    const [{ high } = { high: '0' }] = await admin.fetchTopicOffsets(this.name)
    await admin.disconnect()
    const consumer = this.kafka.consumer({ groupId: named(), maxWaitTimeInMs: 100 })
    await consumer.connect()
    await consumer.subscribe({ topics: [this.name], fromBeginning: true })
    await new Promise<void>((resolve, reject) => {
      const eachMessage = async ({ message }: { readonly message: KafkaMessage }): Promise<void> => {
        found.push(message)
        if (Number(message.offset) + 1 >= Number(high)) resolve()
      }
      consumer.run({ autoCommit: false, eachMessage }).catch(reject)
    })
    await consumer.disconnect()
    return found
  }

  async groups(): Promise<readonly string[]> {
    const admin = this.kafka.admin()
    await admin.connect()
    const { groups } = await admin.listGroups()
    await admin.disconnect()
    return groups.map(({ groupId }) => groupId)
  }
}
