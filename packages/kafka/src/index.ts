// Policy documents in a compacted topic, for `policyFeed` of `@sluice/policies`.
export { kafkaSource } from './kafka-source.ts'
export type { KafkaClient, KafkaSourceOptions } from './options.ts'
export type { KafkajsAdmin, KafkajsBatch, KafkajsClient, KafkajsConsumer, KafkajsHeaders } from './readers/kafkajs.ts'
export type { FetchedPartition, PlatformaticConsumer, PlatformaticFetch } from './readers/platformatic.ts'

// Writes a document into the topic.
export { publishPolicy } from './publish-policy.ts'
export type { PublishOptions } from './publish-policy.ts'
export type { KafkaProducer } from './producer.ts'

// A sink for the events of `decisionEvents` of `@sluice/telemetry`.
export { kafkaSink } from './kafka-sink.ts'
export type { KafkaEventBatch, KafkaSink, KafkaSinkOptions } from './kafka-sink.ts'

// Messages between regions that share limits, for @sluice/regions.
export { kafkaTransport } from './regions/kafka-transport.ts'
export type { KafkaEnvelope, KafkaTransport } from './regions/kafka-transport.ts'
export type { KafkaTransportClient, KafkaTransportOptions } from './regions/options.ts'
export type {
  KafkajsGroupBatch,
  KafkajsGroupClient,
  KafkajsGroupConsumer,
  KafkajsPartitioner,
  KafkajsProducer,
} from './regions/kafkajs-group.ts'
export type { PlatformaticGroupConsumer, PlatformaticMessage, PlatformaticStream } from './regions/platformatic-group.ts'
