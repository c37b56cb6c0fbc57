import { knownOptions, type PolicySource, type Snapshot, type SourceEvent } from '@sluice/core/store-kit'
import { checkOptions, type KafkaSourceOptions } from './options.ts'
import { Session } from './session.ts'

/** ms that the broker holds a fetch. A new record ends it at once, so only the fetches of many idle processes cost something. */
const MAX_WAIT = 1_000

/**
 * Policy documents in a topic of Kafka. Each process reads the whole topic from its beginning, then follows it. A tombstone is a document that
 * is missing: its limits stay.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { kafkaSource } from '@sluice/kafka'
 * import { policyFeed } from '@sluice/policies'
 * import { Kafka } from 'kafkajs'
 *
 * const client = new Kafka({ clientId: 'shop', brokers: ['localhost:9092'] })
 * const feed = await policyFeed({ source: kafkaSource({ client, topic: 'policies' }), startTimeout: 10_000 })
 * ```
 */
export function kafkaSource(options: KafkaSourceOptions): PolicySource {
  knownOptions('kafkaSource', options, ['client', 'topic', 'group', 'clock'])
  checkOptions('kafkaSource', options)
  let session: Session | undefined
  return {
    name: `Kafka (${options.topic})`,
    async load(signal: AbortSignal): Promise<Snapshot> {
      if (session === undefined || session.isOver) session = new Session(options, MAX_WAIT)
      const { log } = session
      await untilAborted(log.caughtUp(), signal)
      return { cursor: String(log.position), documents: log.documents() }
    },
    async watch(cursor: string | undefined, emit: (event: SourceEvent) => void, signal: AbortSignal): Promise<void> {
      const current = session
      // Everything is loaded again.
      if (current === undefined || current.isOver) return
      for (const event of current.log.since(BigInt(cursor ?? 0))) emit(event)
      current.log.listener = emit
      try {
        await untilAborted(current.ended, signal)
      } finally {
        current.log.listener = undefined
      }
    },
    async close(): Promise<void> {
      await session?.close()
      session = undefined
    },
  }
}

/** As the promise, but resolves when the signal is aborted. */
async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  let stop: () => void = () => undefined
  const aborted = new Promise<void>((resolve) => {
    stop = () => resolve()
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', stop, { once: true })
  })
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
