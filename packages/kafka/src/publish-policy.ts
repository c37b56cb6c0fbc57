import { invalid, knownOptions, type PublishAnswer } from '@sluice/core/store-kit'
import { checkOptions, type KafkaSourceOptions } from './options.ts'
import { checkProducer, type KafkaProducer, produce } from './producer.ts'
import { REVISION } from './readers/reader.ts'
import { Session } from './session.ts'
import type { TopicLog } from './topic-log.ts'

/** The options of `publishPolicy`. */
export interface PublishOptions extends KafkaSourceOptions {
  /** Your producer, which is connected: of kafkajs or of `@platformatic/kafka`. It is not closed. */
  readonly producer: KafkaProducer
  /** The namespace of the document. */
  readonly namespace: string
  /** The revision of the document: a whole number, at least 1. */
  readonly revision: number
  /** The document itself, in YAML or JSON: at most 1 MiB. Check it with `parseDocument` first. */
  readonly text: string
  /** The revision that the topic must have now: a whole number; 0 for none. Default: any that is lower. */
  readonly previous?: number | undefined
}

/** ms that the broker holds a fetch: the publisher waits for one that finds nothing. */
const MAX_WAIT = 100
const MAX_BYTES = 1_048_576
const NAMESPACE = /^[A-Za-z][\w.-]{0,63}$/
const FIELDS = ['client', 'topic', 'group', 'clock', 'producer', 'namespace', 'revision', 'text', 'previous']

/**
 * Writes a document for `kafkaSource`, if the topic has a lower revision, or the one that `previous` names. It reads the topic before and
 * after: of two publishers of one revision, the first in the topic has published. A second attempt after a lost answer writes nothing more.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { publishPolicy } from '@sluice/kafka'
 * import { parseDocument } from '@sluice/policies'
 * import { Kafka } from 'kafkajs'
 *
 * const client = new Kafka({ clientId: 'deploy', brokers: ['localhost:9092'] })
 * const producer = client.producer()
 * await producer.connect()
 * const text = readFileSync('sluice.yaml', 'utf8')
 * const { namespace, revision } = parseDocument(text, { source: 'sluice.yaml' })
 * const { isPublished, current } = await publishPolicy({ client, producer, topic: 'policies', namespace, revision, text })
 * if (!isPublished) console.error(`The topic has revision ${current} already`)
 * ```
 */
export async function publishPolicy(options: PublishOptions): Promise<PublishAnswer> {
  knownOptions('publishPolicy', options, FIELDS)
  checkOptions('publishPolicy', options)
  checkPublished(options)
  const { producer, topic, namespace, revision, text, previous } = options
  const session = new Session(options, MAX_WAIT)
  const { log } = session
  const send = (content: string, number: number): Promise<unknown> => {
    const [key, value] = [Buffer.from(namespace), Buffer.from(content)]
    return produce(producer, topic, [{ key, value, partition: 0, headers: { [REVISION]: String(number) } }])
  }
  try {
    await log.caughtUp()
    const before = log.current(namespace)
    const known = before === undefined ? 0 : (before.revision ?? 0)
    if (before?.text === text) return await kept(log, namespace, send)
    if (known >= revision || (previous !== undefined && previous !== known)) return { isPublished: false, current: before && known }
    await send(text, revision)
    await log.caughtUp()
    return { ...(await kept(log, namespace, send)), isPublished: log.current(namespace)?.text === text }
  } finally {
    await session.close()
  }
}

/** Makes sure that compaction keeps the record that counts: it keeps the last one of the key. */
async function kept(log: TopicLog, namespace: string, send: (text: string, revision: number) => Promise<unknown>): Promise<PublishAnswer> {
  const current = log.current(namespace)
  if (current?.text !== undefined && current.revision !== undefined && log.latest(namespace)?.text !== current.text)
    await send(current.text, current.revision)
  return { isPublished: true, current: current?.revision }
}

function checkPublished({ producer, namespace, revision, text, previous }: PublishOptions): void {
  checkProducer('publishPolicy', producer)
  if (typeof namespace !== 'string' || !NAMESPACE.test(namespace))
    throw invalid('publishPolicy: namespace', 'a letter, then at most 63 letters, digits, _ . or -', namespace)
  if (!(Number.isSafeInteger(revision) && revision >= 1)) throw invalid('publishPolicy: revision', 'a whole number, at least 1', revision)
  if (previous !== undefined && !(Number.isSafeInteger(previous) && previous >= 0))
    throw invalid('publishPolicy: previous', 'a whole number, at least 0', previous)
  if (typeof text !== 'string' || text.trim() === '' || Buffer.byteLength(text) > MAX_BYTES)
    throw invalid('publishPolicy: text', `a document of at most ${MAX_BYTES} bytes`, typeof text)
}
