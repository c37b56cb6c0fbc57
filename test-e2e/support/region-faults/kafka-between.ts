// A topic of Kafka between the regions: each region reaches the broker through a proxy of its own.
import type { RegionTransport } from '@sluice/regions'
import { type KafkaServer, type ProxiedKafka, startProxiedKafka } from '@sluice/testing/kafka'
import { waitUntil } from '@sluice/testing/redis'
import type { Admin } from 'kafkajs'
import { type Between, NAMES } from './between.ts'
import { type JoinKafka, kafkajsClient } from './kafka-clients.ts'

const TOPIC = 'sluice.regions.v1'
const PARTITIONS = 3

export class KafkaBetween implements Between {
  /** A group settles within seconds, and the broker drops a member that it does not hear after 10 s. */
  readonly patience = 180_000
  private readonly kafka: ProxiedKafka
  private readonly joinKafka: JoinKafka

  private constructor(kafka: ProxiedKafka, joinKafka: JoinKafka) {
    this.kafka = kafka
    this.joinKafka = joinKafka
  }

  static async open(joinKafka: JoinKafka): Promise<KafkaBetween> {
    const kafka = await startProxiedKafka(NAMES.length)
    const between = new KafkaBetween(kafka, joinKafka)
    try {
      const topics = [{ topic: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1 }]
      await between.asAdmin((admin) => admin.createTopics({ topics, waitForLeaders: true }))
      return between
    } catch (error) {
      await kafka.stop()
      throw error
    }
  }

  get server(): KafkaServer {
    return this.kafka.server
  }

  join(region: number): RegionTransport {
    const { host, port } = this.kafka.proxies[region] ?? {}
    return this.joinKafka(`${host}:${port}`, NAMES[region] ?? '', { topic: TOPIC, on: { warning: () => undefined } })
  }

  cut(region: number, on: boolean): void {
    this.kafka.proxies[region]?.blackHole(on)
  }

  /** The offsets of a group can be set only while it has no member. */
  async replay(region: number, alone: (work: () => Promise<void>) => Promise<void>): Promise<void> {
    const groupId = `sluice-regions-${NAMES[region]}`
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, offset: '0' }))
    await alone(() =>
      this.asAdmin(async (admin) => {
        await waitUntil(`${groupId} to have no member`, async () => (await admin.describeGroups([groupId])).groups[0]?.state === 'Empty')
        await admin.setOffsets({ groupId, topic: TOPIC, partitions })
      }),
    )
  }

  async sendStrange(region: number, bodies: readonly string[]): Promise<void> {
    const producer = kafkajsClient(this.server.address).producer()
    await producer.connect()
    const headers = { from: NAMES[region] ?? '' }
    const messages = bodies.map((value, i) => ({ value, headers, partition: i % PARTITIONS }))
    // A record may have no value and no key, and come from one that sets no headers.
    await producer.send({ topic: TOPIC, messages: [...messages, { value: null }] })
    await producer.disconnect()
  }

  stop(): Promise<void> {
    return this.kafka.stop()
  }

  private async asAdmin(work: (admin: Admin) => Promise<unknown>): Promise<void> {
    const admin = kafkajsClient(this.server.address).admin()
    await admin.connect()
    try {
      await work(admin)
    } finally {
      await admin.disconnect()
    }
  }
}
