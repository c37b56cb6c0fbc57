import { invalid, knownOptions } from '@sluice/core/store-kit'
import { isTopic } from './options.ts'
import { checkProducer, type KafkaProducer, type Message, produce } from './producer.ts'

/** The options of `kafkaSink`. */
export interface KafkaSinkOptions {
  /** Your producer, which is connected: of kafkajs or of `@platformatic/kafka`. It is not closed. */
  readonly producer: KafkaProducer
  /** The names of the topics. Default: `sluice.decisions.v1` and `sluice.usage.v1`. */
  readonly topics?: { readonly decisions?: string | undefined; readonly usage?: string | undefined } | undefined
  /** How record batches are compressed: `'gzip'` or `'none'`. Default: `'gzip'`. */
  readonly compression?: 'gzip' | 'none' | undefined
}

/** A batch of `decisionEvents`: events of one topic. */
export interface KafkaEventBatch {
  readonly topic: 'sluice.decisions.v1' | 'sluice.usage.v1'
  readonly events: readonly { readonly subject?: string; readonly boot?: string }[]
}

/** What `kafkaSink` returns, for the option `sink` of `decisionEvents`. */
export interface KafkaSink {
  readonly name: string
  send(batch: KafkaEventBatch): Promise<void>
}

/** By which the brokers say that a batch is not valid, now and later. */
const FINAL: readonly unknown[] = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD']

/**
 * Writes the events of `decisionEvents` into topics of Kafka, as JSON. The key of a decision is its subject, and that of a row of usage is its
 * process: records of one key stay in order. All replicas in sync acknowledge each batch.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { kafkaSink } from '@sluice/kafka'
 * import { decisionEvents } from '@sluice/telemetry'
 * import { Kafka } from 'kafkajs'
 *
 * const producer = new Kafka({ clientId: 'shop', brokers: ['localhost:9092'] }).producer()
 * await producer.connect()
 * const events = decisionEvents({ sink: kafkaSink({ producer }), secret: process.env['SLUICE_SECRET'] ?? 'only-for-this-example' })
 * process.once('SIGTERM', () => void events.close().then(() => producer.disconnect()))
 * ```
 */
export function kafkaSink(options: KafkaSinkOptions): KafkaSink {
  knownOptions('kafkaSink', options, ['producer', 'topics', 'compression'])
  const { producer, topics = {}, compression = 'gzip' } = options
  checkProducer('kafkaSink', producer)
  knownOptions('kafkaSink: topics', topics, ['decisions', 'usage'])
  const { decisions = 'sluice.decisions.v1', usage = 'sluice.usage.v1' } = topics
  for (const [name, topic] of Object.entries({ decisions, usage }))
    if (!isTopic(topic)) throw invalid(`kafkaSink: topics.${name}`, 'the name of a topic', topic)
  if (compression !== 'gzip' && compression !== 'none') throw invalid('kafkaSink: compression', "'gzip' or 'none'", compression)
  return {
    name: `Kafka (${decisions}, ${usage})`,
    async send(batch) {
      const topic = batch.topic === 'sluice.usage.v1' ? usage : decisions
      try {
        await produce(producer, topic, batch.events.map(messageOf), compression)
      } catch (error) {
        throw isFinal(error) ? Object.assign(new Error('the broker refuses the batch', { cause: error }), { isFinal: true }) : error
      }
    },
  }
}

function messageOf(event: KafkaEventBatch['events'][number]): Message {
  const key = event.boot ?? event.subject ?? ''
  const value = Buffer.from(JSON.stringify(event))
  return key === '' ? { value } : { key: Buffer.from(key), value }
}

/** kafkajs names the reason `type`, and `@platformatic/kafka` `apiId`, each in one of the errors behind the error. */
function isFinal(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { type, apiId, cause, errors = [] } = error as { type?: unknown; apiId?: unknown; cause?: unknown; errors?: readonly unknown[] }
  return FINAL.includes(type) || FINAL.includes(apiId) || isFinal(cause) || errors.some(isFinal)
}
