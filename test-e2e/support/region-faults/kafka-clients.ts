import { Consumer, Producer } from '@platformatic/kafka'
import { kafkaTransport, type KafkaTransportOptions } from '@sluice/kafka'
import type { RegionTransport } from '@sluice/regions'
import { Kafka, logLevel } from 'kafkajs'

/** Makes the transport of a process of a region. Its clients end with its subscription. */
export type JoinKafka = (address: string, region: string, options: KafkaTransportOptions) => RegionTransport

/** A client that learns of a broken connection within seconds. */
export function kafkajsClient(address: string): Kafka {
  return new Kafka({
    clientId: 'region',
    brokers: [address],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    requestTimeout: 2_000,
    retry: { retries: 2 },
  })
}

export const joinKafkajs: JoinKafka = (address, _region, options) => kafkaTransport(kafkajsClient(address), options)

export const joinPlatformatic: JoinKafka = (address, region, options) => {
  const common = { clientId: 'region', bootstrapBrokers: [address], timeout: 5_000, retries: 1 }
  const times = { sessionTimeout: 10_000, rebalanceTimeout: 10_000, heartbeatInterval: 1_000 }
  const consumer = new Consumer({ ...common, ...times, groupId: `sluice-regions-${region}` })
  const producer = new Producer(common)
  const transport = kafkaTransport(consumer, { ...options, producer })
  return {
    publish: (messages) => transport.publish(messages),
    async subscribe(name, apply) {
      const close = await transport.subscribe(name, apply)
      return async () => {
        await close()
        // Each may wait for a broker that is away.
        consumer.close(true).catch(() => undefined)
        producer.close().catch(() => undefined)
      }
    },
  }
}
