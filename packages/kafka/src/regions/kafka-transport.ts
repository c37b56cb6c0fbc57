import { systemClock } from '@sluice/core'
import { invalid, TransportWarnings } from '@sluice/core/store-kit'
import { type KafkaProducer, type Message, produce } from '../producer.ts'
import { FROM } from './group-reader.ts'
import { KafkaSubscription } from './kafka-subscription.ts'
import { byPartition, isKafkajsGroupClient, kafkajsGroupReader } from './kafkajs-group.ts'
import { type KafkaTransportClient, type KafkaTransportOptions, type TransportSettings, transportSettings } from './options.ts'
import { platformaticGroupReader } from './platformatic-group.ts'

/** A message to all other regions. A test of this package checks that it fits `@sluice/regions`. */
export interface KafkaEnvelope {
  /** The partition of the subjects in it. Its messages are in one partition of the topic, in their order. */
  readonly partition: number
  readonly body: Uint8Array
}

/** Carries messages between regions, for `regions` of `@sluice/regions`. */
export interface KafkaTransport {
  /** Resolves when all replicas in sync have the messages. Rejects after 10 s. */
  publish(messages: readonly KafkaEnvelope[]): Promise<void>
  /**
   * Gets the messages of all other regions, until the returned function is called. It ends the clients that the transport has made.
   * @throws ERR_OPTION_INVALID if a `Consumer` of `@platformatic/kafka` has the group of another region
   */
  subscribe(region: string, apply: (body: Uint8Array) => Promise<void>): Promise<() => Promise<void>>
}

/** ms that a publication may take. After that it is unknown whether the messages are sent. */
const SEND_WITHIN = 10_000

/**
 * Messages between regions in a topic of Kafka. Each region reads it as a consumer group of its own: one process of a region gets a message.
 * An offset is committed when all messages before it are applied.
 * @param client a `Kafka` of kafkajs, or a `Consumer` of `@platformatic/kafka` with the group `sluice-regions-<region>`. It is not closed.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { kafkaTransport } from '@sluice/kafka'
 * import { regions } from '@sluice/regions'
 * import { Kafka } from 'kafkajs'
 *
 * const client = new Kafka({ clientId: 'shop', brokers: ['localhost:9092'] })
 * const eu = regions({ self: 'eu', all: ['eu', 'us'], transport: kafkaTransport(client, { topic: 'sluice.regions.v1' }) })
 * ```
 */
export function kafkaTransport(client: KafkaTransportClient, options: KafkaTransportOptions = {}): KafkaTransport {
  return new Transport(client, transportSettings(client, options))
}

class Transport implements KafkaTransport {
  private readonly client: KafkaTransportClient
  private readonly settings: TransportSettings
  private readonly warnings: TransportWarnings
  private own: Promise<{ readonly producer: KafkaProducer; disconnect(): Promise<void> }> | undefined
  private region: string | undefined
  private subscriptions = 0
  /** The store has closed. A producer that is made then would keep the process alive. */
  private isEnded = false

  constructor(client: KafkaTransportClient, settings: TransportSettings) {
    this.client = client
    this.settings = settings
    this.warnings = new TransportWarnings('kafkaTransport', settings.on)
  }

  async publish(messages: readonly KafkaEnvelope[]): Promise<void> {
    const what = 'this region'
    try {
      await within(this.send(messages.map((message) => this.messageOf(message))))
      this.warnings.well(what)
    } catch (error) {
      this.warnings.failed(what, error)
      throw error
    }
  }

  async subscribe(region: string, apply: (body: Uint8Array) => Promise<void>): Promise<() => Promise<void>> {
    const { client, warnings } = this
    const { topic, group: begin } = this.settings
    const group = `${begin}-${region}`
    const isKafkajs = isKafkajsGroupClient(client)
    // With the group of another region, each of the two would get a part of the messages.
    if (!isKafkajs && client.groupId !== group) throw invalid('kafkaTransport', `a Consumer whose groupId is "${group}"`, client.groupId)
    this.region = region
    this.subscriptions += 1
    this.isEnded = false
    const what = `topic "${topic}"`
    const subscription = new KafkaSubscription({
      reader: isKafkajs ? kafkajsGroupReader(client) : platformaticGroupReader(client),
      topic,
      group,
      region,
      apply,
      failed: (error) => warnings.failed(what, error),
      well: () => warnings.well(what),
    })
    let closing: Promise<void> | undefined
    const close = async (): Promise<void> => {
      await subscription.close()
      this.subscriptions -= 1
      if (this.subscriptions === 0) await this.end()
    }
    return () => (closing ??= close())
  }

  private async send(messages: readonly Message[]): Promise<void> {
    const { topic, producer } = this.settings
    await produce(producer ?? (await this.ownProducer()), topic, messages)
  }

  private messageOf({ partition, body: { buffer, byteOffset, byteLength } }: KafkaEnvelope): Message {
    const { region } = this
    const value = Buffer.from(buffer, byteOffset, byteLength)
    return { key: Buffer.from(String(partition)), value, ...(region !== undefined && { headers: { [FROM]: region } }) }
  }

  private async ownProducer(): Promise<KafkaProducer> {
    const connect = async (): Promise<{ readonly producer: KafkaProducer; disconnect(): Promise<void> }> => {
      const { client, isEnded } = this
      if (isEnded) throw new Error('kafkaTransport: the transport is closed')
      if (!isKafkajsGroupClient(client)) throw invalid('kafkaTransport: producer', 'a producer', undefined)
      const producer = client.producer({ allowAutoTopicCreation: false, createPartitioner: byPartition })
      await producer.connect()
      return { producer, disconnect: () => producer.disconnect() }
    }
    this.own ??= connect()
    try {
      return (await this.own).producer
    } catch (error) {
      this.own = undefined
      throw error
    }
  }

  private async end(): Promise<void> {
    this.isEnded = true
    const own = await this.own?.catch(() => undefined)
    this.own = undefined
    await own?.disconnect().catch(() => undefined)
  }
}

function within(sending: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = systemClock.after(SEND_WITHIN, () => reject(new Error(`no answer within ${SEND_WITHIN} ms`)))
    sending.then(resolve, reject).finally(cancel)
  })
}
