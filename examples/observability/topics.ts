// What Kafka has: the events of decisions, and the rollups.
import { Kafka, logLevel } from 'kafkajs'

export const USAGE = 'sluice.usage.v1'
const TOPICS = ['sluice.decisions.v1', USAGE]

export interface Topics {
  /** Requests by verdict. */
  readonly usage: ReadonlyMap<string, number>
  readonly messages: readonly Message[]
}

export interface Message {
  readonly topic: string
  /** JSON. */
  readonly text: string
}

export async function createTopics(broker: string): Promise<void> {
  const admin = clientOf(broker).admin()
  await admin.connect()
  await admin.createTopics({ topics: TOPICS.map((topic) => ({ topic, numPartitions: 1 })), waitForLeaders: true })
  await admin.disconnect()
}

/** Reads all messages. Of the rollups of one minute and process, the largest is the last one: so a message that comes twice counts once. */
export async function readTopics(broker: string): Promise<Topics> {
  const kafka = clientOf(broker)
  const admin = kafka.admin()
  await admin.connect()
  const ends = await Promise.all(TOPICS.map((topic) => admin.fetchTopicOffsets(topic)))
  await admin.disconnect()
  const rollups = new Map<string, { readonly verdict: string; readonly requests: number }>()
  const messages: Message[] = []
  let left = ends.flat().reduce((total, { high }) => total + Number(high), 0)
  const consumer = kafka.consumer({ groupId: `example-${Date.now()}` })
  await consumer.connect()
  await consumer.subscribe({ topics: TOPICS, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    if (left === 0) resolve()
    consumer
      .run({
        eachMessage: async ({ topic, message }) => {
          const text = String(message.value)
          messages.push({ topic, text })
          if (topic === USAGE) keepLargest(rollups, JSON.parse(text) as Readonly<Record<string, string | number>>)
          if (--left === 0) resolve()
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
  const usage = new Map<string, number>()
  for (const { verdict, requests } of rollups.values()) usage.set(verdict, (usage.get(verdict) ?? 0) + requests)
  return { usage, messages }
}

/** The rows with the policy '' count each request once. */
function keepLargest(
  rollups: Map<string, { readonly verdict: string; readonly requests: number }>,
  row: Readonly<Record<string, string | number>>,
): void {
  const { requests, ...others } = row
  const key: Readonly<Record<string, string | number>> = { ...others, units: '' }
  if (key['policy'] !== '' || key['mode'] !== 'enforce') return
  const id = JSON.stringify(key)
  const most = Math.max(Number(requests), rollups.get(id)?.requests ?? 0)
  rollups.set(id, { verdict: String(key['verdict']), requests: most })
}

function clientOf(broker: string): Kafka {
  return new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING })
}
