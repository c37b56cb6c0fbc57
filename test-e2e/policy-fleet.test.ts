// How long a document takes from its publication to the last of many feeds in many processes, on real servers.
// SLUICE_FAULTS=full takes 20 processes with 10 feeds each.
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Consumer } from '@platformatic/kafka'
import { publishPolicy as publishToEtcd } from '@sluice/etcd'
import { publishPolicy as publishToKafka } from '@sluice/kafka'
import { publishPolicy as publishToRedis } from '@sluice/redis'
import { startEtcd } from '@sluice/testing/etcd'
import { startKafka } from '@sluice/testing/kafka'
import { startRedis, waitUntil } from '@sluice/testing/redis'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { expect, onTestFinished, test } from 'vitest'

const isFull = process.env['SLUICE_FAULTS'] === 'full'
const PROCESSES = isFull ? 20 : 4
const FEEDS = 10
const PUBLICATIONS = isFull ? 100 : 30

/** A server, and how a document is published there. */
interface Place {
  readonly url: string
  publish(revision: number, text: string): Promise<unknown>
}

const document = (revision: number): string => `apiVersion: sluice/v1
namespace: shop
revision: ${revision}
subjects: { address: { parts: [{ ip: true }] } }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: ${revision}, window: 1m, subject: address }] }]
`

const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  async redis() {
    const server = await startRedis()
    onTestFinished(() => server.stop())
    const client = server.client()
    return { url: server.url, publish: (revision, text) => publishToRedis(client, { namespace: 'shop', revision, text }) }
  },
  async etcd() {
    const server = await startEtcd()
    onTestFinished(() => server.stop())
    return { url: server.url, publish: (_, text) => publishToEtcd({ endpoints: [server.url] }, { text }) }
  },
  'kafka by kafkajs': onKafka,
  ...(isFull ? { 'kafka by platformatic': onKafka } : {}),
  // A control service, as docs/policy-sources.md says.
  async http() {
    let text = ''
    let id = 0
    const streams = new Set<ServerResponse>()
    const send = (response: ServerResponse): void => {
      response.write(`event: put\nid: ${id}\ndata: ${JSON.stringify({ key: 'shop', text })}\n\nevent: progress\nid: ${id}\ndata: {}\n\n`)
    }
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      streams.add(response)
      response.once('close', () => streams.delete(response))
      send(response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.close()
      server.closeAllConnections()
    })
    const publish = async (_: number, published: string): Promise<void> => {
      text = published
      id += 1
      for (const stream of streams) send(stream)
    }
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, publish }
  },
}

async function onKafka(): Promise<Place> {
  const server = await startKafka()
  onTestFinished(() => server.stop())
  const kafka = new Kafka({ clientId: 'publisher', brokers: [server.address], logLevel: logLevel.NOTHING })
  const topic = 'policies'
  const admin = kafka.admin()
  await admin.connect()
  const configEntries = [{ name: 'cleanup.policy', value: 'compact' }]
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }], waitForLeaders: true })
  await admin.disconnect()
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  onTestFinished(() => producer.disconnect())
  const publish = async (revision: number, text: string): Promise<void> => {
    // It reads with a client that joins no group: forming one takes longer than the rest.
    const client = new Consumer({ clientId: 'publisher', groupId: 'unused', bootstrapBrokers: [server.address] })
    await publishToKafka({ client, producer, topic, namespace: 'shop', revision, text })
    await client.close(true)
  }
  return { url: server.address, publish }
}

/** Processes with feeds, and when the last one had each revision. */
class Fleet {
  private readonly children: ChildProcess[] = []
  private readonly reports = new Map<number, number[]>()

  constructor(kind: string, url: string) {
    const program = join(import.meta.dirname, 'support/policies/feeds-process.ts')
    for (let i = 0; i < PROCESSES; i++) {
      const args = ['--conditions=source', program, kind, url, String(FEEDS)]
      const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
      this.children.push(child)
      createInterface({ input: child.stdout }).on('line', (line) => {
        const { revision, at } = JSON.parse(line) as { readonly revision: number; readonly at: number }
        const times = this.reports.get(revision) ?? []
        times.push(at)
        this.reports.set(revision, times)
      })
    }
  }

  /** When the last feed had the revision, in ms since the epoch. */
  async reached(revision: number, timeout?: number): Promise<number> {
    await waitUntil(`revision ${revision}`, () => this.reports.get(revision)?.length === PROCESSES, timeout)
    return Math.max(...(this.reports.get(revision) ?? []))
  }

  async close(): Promise<void> {
    await Promise.all(this.children.map((child) => new Promise((resolve) => child.once('exit', resolve).stdin?.end())))
  }
}

test.each(Object.keys(PLACES))('%s: a document reaches the last feed within a second', async (kind) => {
  const place = await PLACES[kind]!()
  await place.publish(1, document(1))
  const fleet = new Fleet(kind, place.url)
  onTestFinished(() => fleet.close())
  await fleet.reached(1, 90_000)
  const times: number[] = []
  for (let revision = 2; revision <= PUBLICATIONS + 1; revision++) {
    const begin = performance.timeOrigin + performance.now()
    await place.publish(revision, document(revision))
    times.push((await fleet.reached(revision)) - begin)
  }
  times.sort((a, b) => a - b)
  const [median, p99] = [0.5, 0.99].map((part) => Math.round(times[Math.ceil(times.length * part) - 1] ?? Infinity))
  console.log(
    `${kind}: ${PUBLICATIONS} publications to ${PROCESSES * FEEDS} feeds in ${PROCESSES} processes: median ${median} ms, p99 ${p99} ms`,
  )
  expect(p99).toBeLessThan(1_000)
})
