import * as platformatic2 from '@platformatic/kafka'
import { kafkaTransport, type KafkaTransport, type KafkaTransportOptions } from '@sluice/kafka'
import { Kafka, logLevel } from 'kafkajs'
import * as platformatic1 from 'platformatic-kafka-1'
import { onTestFinished } from 'vitest'

let clients = 0
const named = (): string => `regions-${(clients += 1)}`

/** Makes the transport of a process of a region. Its clients end with the test. */
export type MakeTransport = (address: string, region: string, options: KafkaTransportOptions) => Promise<KafkaTransport>

const kafkajs: MakeTransport = async (address, _region, options) => {
  const client = new Kafka({
    clientId: named(),
    brokers: [address],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    requestTimeout: 2_000,
    retry: { retries: 2 },
  })
  return kafkaTransport(client, options)
}

const platformatic =
  ({ Consumer, Producer }: Pick<typeof platformatic2, 'Consumer' | 'Producer'>): MakeTransport =>
  async (address, region, options) => {
    const common = { clientId: named(), bootstrapBrokers: [address], timeout: 5_000, retries: 1 }
    const times = { sessionTimeout: 10_000, rebalanceTimeout: 10_000, heartbeatInterval: 1_000 }
    const consumer = new Consumer({ ...common, ...times, groupId: `${options.group ?? 'sluice-regions'}-${region}` })
    const producer = new Producer(common)
    onTestFinished(async () => {
      await consumer.close(true).catch(() => undefined)
      await producer.close().catch(() => undefined)
    })
    return kafkaTransport(consumer, { ...options, producer })
  }

export const TRANSPORTS: Readonly<Record<'kafkajs' | 'platformatic 2' | 'platformatic 1', MakeTransport>> = {
  kafkajs,
  'platformatic 2': platformatic(platformatic2),
  'platformatic 1': platformatic(platformatic1 as unknown as typeof platformatic2),
}
