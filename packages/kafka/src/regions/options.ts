import { invalid, knownOptions, type TransportObservers } from '@sluice/core/store-kit'
import { isTopic } from '../options.ts'
import { checkProducer, type KafkaProducer } from '../producer.ts'
import { isKafkajsGroupClient, type KafkajsGroupClient } from './kafkajs-group.ts'
import { isPlatformaticGroupConsumer, type PlatformaticGroupConsumer } from './platformatic-group.ts'

/** Your client: a `Kafka` of kafkajs, or a `Consumer` of `@platformatic/kafka` that nothing else uses. */
export type KafkaTransportClient = KafkajsGroupClient | PlatformaticGroupConsumer

/**
 * The options of `kafkaTransport`.
 * @example
 * ```ts
 * import { kafkaTransport, type KafkaTransportOptions } from '@sluice/kafka'
 * import { Kafka } from 'kafkajs'
 *
 * const options: KafkaTransportOptions = { topic: 'sluice.regions.v1' }
 * const transport = kafkaTransport(new Kafka({ clientId: 'shop', brokers: ['localhost:9092'] }), options)
 * ```
 */
export interface KafkaTransportOptions {
  /** The topic of the messages of all regions. It must exist. Default: `'sluice.regions.v1'`. */
  readonly topic?: string | undefined
  /**
   * What the names of the consumer groups begin with: 1 to 180 letters, digits, `_`, `.` or `-`. The name of the region follows after a
   * hyphen. Default: `'sluice-regions'`.
   */
  readonly group?: string | undefined
  /**
   * Your producer, which is connected: of kafkajs or of `@platformatic/kafka`. It is not closed. Required with a `Consumer` of
   * `@platformatic/kafka`. Default: one that the `Kafka` of kafkajs makes.
   */
  readonly producer?: KafkaProducer | undefined
  /** Functions that are called with events. */
  readonly on?: TransportObservers | undefined
}

/** The options after the checks, with their defaults. */
export interface TransportSettings {
  readonly topic: string
  readonly group: string
  readonly producer: KafkaProducer | undefined
  readonly on: TransportObservers
}

const GROUP = /^[\w.-]{1,180}$/

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function transportSettings(client: KafkaTransportClient, options: KafkaTransportOptions): TransportSettings {
  knownOptions('kafkaTransport', options, ['topic', 'group', 'producer', 'on'])
  if (!isKafkajsGroupClient(client) && !isPlatformaticGroupConsumer(client))
    throw invalid('kafkaTransport', 'a Kafka of kafkajs, or a Consumer of @platformatic/kafka', client)
  const { topic = 'sluice.regions.v1', group = 'sluice-regions', producer, on = {} } = options
  if (!isTopic(topic)) throw invalid('kafkaTransport: topic', 'the name of a topic', topic)
  if (typeof group !== 'string' || !GROUP.test(group)) throw invalid('kafkaTransport: group', '1 to 180 letters, digits, _ . or -', group)
  if (producer === undefined && !isKafkajsGroupClient(client))
    throw invalid('kafkaTransport: producer', 'a Producer of @platformatic/kafka, because a Consumer cannot send', producer)
  if (producer !== undefined) checkProducer('kafkaTransport', producer)
  knownOptions('kafkaTransport: on', on, ['warning'])
  if (on.warning !== undefined && typeof on.warning !== 'function') throw invalid('kafkaTransport: on.warning', 'a function', on.warning)
  return { topic, group, producer, on }
}
