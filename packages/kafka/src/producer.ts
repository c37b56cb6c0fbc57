import { invalid } from '@sluice/core/store-kit'

/** The part of a producer of kafkajs, or of `@platformatic/kafka`, that is used. */
export interface KafkaProducer {
  send(record: never): Promise<unknown>
}

/** A record of a topic, before the client of the producer is known. */
export interface Message {
  readonly key?: Buffer
  readonly value: Buffer
  readonly partition?: number
  readonly headers?: Readonly<Record<string, string>>
}

const KAFKAJS_GZIP = 1

/** @throws ERR_OPTION_INVALID */
export function checkProducer(where: string, producer: KafkaProducer): void {
  if (typeof producer?.send !== 'function') throw invalid(`${where}: producer`, 'a producer of kafkajs or of @platformatic/kafka', producer)
}

/** Writes messages into a topic. All replicas in sync acknowledge them. Without `compression`, that of the producer holds. */
export function produce(
  producer: KafkaProducer,
  topic: string,
  messages: readonly Message[],
  compression?: 'gzip' | 'none',
): Promise<unknown> {
  // A producer of kafkajs has a method for several topics.
  const record = 'sendBatch' in producer ? kafkajsRecord(topic, messages, compression) : platformaticRecord(topic, messages, compression)
  return producer.send(record as never)
}

function kafkajsRecord(topic: string, messages: readonly Message[], compression: 'gzip' | 'none' | undefined): object {
  return { topic, acks: -1, messages, ...(compression && { compression: compression === 'gzip' ? KAFKAJS_GZIP : 0 }) }
}

function platformaticRecord(topic: string, messages: readonly Message[], compression: 'gzip' | 'none' | undefined): object {
  const own = messages.map(({ headers, ...message }) => {
    const pairs = Object.entries(headers ?? {}).map(([name, value]) => [Buffer.from(name), Buffer.from(value)] as const)
    return { ...message, topic, ...(headers && { headers: new Map(pairs) }) }
  })
  return { acks: -1, messages: own, ...(compression && { compression }) }
}
