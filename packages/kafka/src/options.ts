import type { Clock } from '@sluice/core'
import { invalid } from '@sluice/core/store-kit'
import type { KafkajsClient } from './readers/kafkajs.ts'
import type { PlatformaticConsumer } from './readers/platformatic.ts'

/** Your client: a `Kafka` of kafkajs, or a `Consumer` of `@platformatic/kafka` that nothing else uses. */
export type KafkaClient = KafkajsClient | PlatformaticConsumer

/** The options of `kafkaSource`. */
export interface KafkaSourceOptions {
  /** Your client: a `Kafka` of kafkajs, or a `Consumer` of `@platformatic/kafka` that nothing else uses. It is not closed. */
  readonly client: KafkaClient
  /** The topic of the documents, with one partition and `cleanup.policy=compact`. The key of a record is the namespace. */
  readonly topic: string
  /**
   * What the names of the consumer groups begin with: 1 to 200 letters, digits, `_`, `.` or `-`. kafkajs reads only as a member of a group,
   * so each process has one of its own, and commits nothing. Default: `sluice-policies`.
   */
  readonly group?: string | undefined
  /** Where time comes from, for tests. Default: the clock of the system. */
  readonly clock?: Clock | undefined
}

const TOPIC = /^[\w.-]{1,249}$/
const GROUP = /^[\w.-]{1,200}$/

/** @throws ERR_OPTION_INVALID */
export function checkOptions(where: string, { client, topic, group }: KafkaSourceOptions): void {
  if (!isKafkajs(client) && !isPlatformatic(client))
    throw invalid(`${where}: client`, 'a Kafka of kafkajs, or a Consumer of @platformatic/kafka', client)
  if (!isTopic(topic)) throw invalid(`${where}: topic`, 'the name of a topic', topic)
  if (group !== undefined && (typeof group !== 'string' || !GROUP.test(group)))
    throw invalid(`${where}: group`, '1 to 200 letters, digits, _ . or -', group)
}

export function isTopic(name: unknown): boolean {
  return typeof name === 'string' && TOPIC.test(name)
}

export function isKafkajs(client: unknown): client is KafkajsClient {
  return hasMethods(client, 'consumer', 'admin')
}

function isPlatformatic(client: unknown): client is PlatformaticConsumer {
  return hasMethods(client, 'fetch', 'listOffsets', 'metadata')
}

function hasMethods(client: unknown, ...names: readonly string[]): boolean {
  return (
    typeof client === 'object' && client !== null && names.every((name) => typeof (client as Record<string, unknown>)[name] === 'function')
  )
}
