import { failed } from '../terminal/terminal.ts'

/** The topic of the decisions of `decisionEvents`. */
const TOPIC = 'sluice.decisions.v1'

/** The messages of a topic at `kafka://user:password@host:9092,host:9092/topic`, as lines. `kafkas` is with TLS. @throws ERR_COMMAND_FAILED */
export async function* kafkaLines(place: string, isWhole: boolean): AsyncGenerator<string> {
  const [, scheme, credentials, hosts = '', topic = TOPIC] = /^(kafkas?):\/\/(?:([^@/]*)@)?([^@/]+)(?:\/([\w.-]+))?\/?$/.exec(place) ?? []
  const { Kafka, logLevel } = await import('kafkajs').catch((error: unknown) => {
    throw failed('reading Kafka needs the package kafkajs, which is not installed:  npm install kafkajs', error)
  })
  const [username = '', password = ''] = (credentials ?? '').split(':').map(decodeURIComponent)
  const kafka = new Kafka({
    clientId: 'sluice-watch',
    brokers: hosts.split(',').map((host) => (/:\d+$/.test(host) ? host : `${host}:9092`)),
    ssl: scheme === 'kafkas',
    ...(credentials && { sasl: { mechanism: 'plain' as const, username, password } }),
    logLevel: logLevel.NOTHING,
    retry: { retries: 3 },
  })
  // kafkajs reads only as a member of a group. Nothing is committed.
  const consumer = kafka.consumer({ groupId: `sluice-watch-${crypto.randomUUID()}`, allowAutoTopicCreation: false })
  const lines: string[] = []
  let problem: Error | undefined
  let wake: () => void = () => undefined
  try {
    await consumer.connect()
    consumer.on('consumer.crash', ({ payload }) => {
      if (payload.restart) return
      problem = payload.error
      wake()
    })
    await consumer.subscribe({ topics: [topic], fromBeginning: isWhole })
    const eachMessage = async ({ message }: { readonly message: { readonly value: Buffer | null } }): Promise<void> => {
      lines.push(String(message.value ?? ''))
      wake()
    }
    await consumer.run({ autoCommit: false, eachMessage })
    for (;;) {
      yield* lines.splice(0)
      if (problem !== undefined) throw problem
      if (lines.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    }
  } catch (error) {
    throw failed(`topic ${topic} on ${hosts} cannot be read: ${error instanceof Error ? error.message : String(error)}`, error)
  } finally {
    await consumer.disconnect().catch(() => undefined)
  }
}
