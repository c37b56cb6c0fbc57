import { EventEmitter } from 'node:events'
import { kafkaTransport, type KafkaTransport } from '@sluice/kafka'
import { type RegionTransport, regions } from '@sluice/regions'
import { waitUntil } from '@sluice/testing'
import { type KafkaServer, type ProxiedKafka, startProxiedKafka } from '@sluice/testing/kafka'
import type { TcpProxy } from '@sluice/testing/redis'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Topic } from '../clients.ts'
import { Offsets } from '../../src/regions/offsets.ts'
import { TRANSPORTS } from './transports.ts'

const client = { consumer: () => ({}), producer: () => ({}) }
const consumer = { groupId: 'sluice-regions-eu', consume: () => ({}), commit: () => ({}), leaveGroup: () => ({}) }
const producer = { send: () => Promise.resolve() }

/** The number of that request in the protocol of Kafka. */
const JOIN_GROUP = 11

test('is a transport of @sluice/regions', () => {
  const transport: RegionTransport & KafkaTransport = kafkaTransport(new Kafka({ brokers: ['localhost:1'] }))
  expect(regions({ self: 'eu', all: ['eu', 'us'], transport }).transport).toBe(transport)
})

test.each([
  [{}, {}, 'kafkaTransport: expected a Kafka of kafkajs, or a Consumer of @platformatic/kafka, got an object'],
  [client, { topic: 'a b' }, 'kafkaTransport: topic: expected the name of a topic, got the string "a b"'],
  [client, { group: 'ä' }, 'kafkaTransport: group: expected 1 to 180 letters, digits, _ . or -'],
  [client, { producer: {} }, 'kafkaTransport: producer: expected a producer of kafkajs or of @platformatic/kafka, got an object'],
  [consumer, {}, 'kafkaTransport: producer: expected a Producer of @platformatic/kafka, because a Consumer cannot send, got undefined'],
  [client, { on: { warning: 5 } }, 'kafkaTransport: on.warning: expected a function, got 5'],
  [client, { self: 'eu' }, 'kafkaTransport: "self" is not an option'],
])('%j with %j is refused', (given, options, message) => {
  expect(() => kafkaTransport(given as never, options as never)).toThrow(message)
})

test('a consumer with the group of another region is refused', async () => {
  const transport = kafkaTransport(consumer as never, { producer })
  await expect(transport.subscribe('us', () => Promise.resolve())).rejects.toThrow(
    'kafkaTransport: expected a Consumer whose groupId is "sluice-regions-us", got the string "sluice-regions-eu"',
  )
})

describe('offsets', () => {
  test('may be committed when all before them are applied', () => {
    const offsets = new Offsets()
    for (const offset of [5n, 6n, 9n]) offsets.begin(0, offset)
    offsets.begin(1, 3n)
    expect(offsets.done(0, 6n)).toBeUndefined()
    expect(offsets.done(1, 3n)).toBe(4n)
    expect(offsets.done(0, 5n)).toBe(7n)
    expect(offsets.done(0, 9n)).toBe(10n)
  })

  test('of messages that came before the partitions were divided anew are nothing', () => {
    const offsets = new Offsets()
    offsets.begin(0, 5n)
    offsets.clear()
    expect(offsets.done(0, 5n)).toBeUndefined()
    offsets.begin(0, 5n)
    offsets.begin(0, 5n)
    expect(offsets.done(0, 5n)).toBe(6n)
  })
})

// A publication that was under way when the store closed would make a producer that nobody disconnects.
test('after its end the transport makes no producer', async () => {
  const kafka = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING, retry: { retries: 0 } })
  let made = 0
  const counted = { consumer: kafka.consumer.bind(kafka), producer: () => ((made += 1), kafka.producer()) }
  const transport = kafkaTransport(counted, { on: { warning: () => undefined } })
  const close = await transport.subscribe('eu', () => Promise.resolve())
  await close()
  await expect(transport.publish([{ partition: 0, body: new Uint8Array(1) }])).rejects.toThrow('kafkaTransport: the transport is closed')
  expect(made).toBe(0)
})

// The client emits an error when it gives its group up, and an error that nobody hears ends the process.
test('an error of a Consumer is heard while nothing reads, and after the end', async () => {
  const away = (): Promise<never> => Promise.reject(new Error('away'))
  const parts = { groupId: 'sluice-regions-eu', consume: away, commit: away, leaveGroup: away }
  const broken = Object.assign(new EventEmitter(), parts)
  let warnings = 0
  const transport = kafkaTransport(broken, { producer, on: { warning: () => (warnings += 1) } })
  const close = await transport.subscribe('eu', () => Promise.resolve())
  await waitUntil('the first attempt to end', () => warnings > 0)
  broken.emit('error', new Error('no more'))
  await close()
  broken.emit('error', new Error('no more'))
})

describe('with a broker', () => {
  let kafka: ProxiedKafka
  let server: KafkaServer
  beforeAll(async () => {
    kafka = await startProxiedKafka(1)
    server = kafka.server
  }, 90_000)
  afterAll(() => kafka?.stop())

  test('messages of one partition are in one partition of the topic, and all of a group is committed', { timeout: 60_000 }, async () => {
    const topic = await new Topic(server.address, { 'cleanup.policy': 'delete' }, 3).created()
    // A broker that has just started has no coordinator of groups yet.
    const on = { warning: () => undefined }
    const eu = await TRANSPORTS.kafkajs(server.address, 'eu', { topic: topic.name, on })
    const us = await TRANSPORTS.kafkajs(server.address, 'us', { topic: topic.name, on })
    let received = 0
    const closeUs = await us.subscribe('us', async () => void (received += 1))
    const closeEu = await eu.subscribe('eu', () => Promise.resolve())
    onTestFinished(async () => {
      await closeUs()
      await closeEu()
    })
    for (let i = 0; i < 30; i += 1) await eu.publish([{ partition: i % 6, body: Buffer.from(String(i)) }])
    await waitUntil('all messages', () => received >= 30, 30_000)
    await closeUs()
    await closeEu()
    const admin = new Kafka({ brokers: [server.address], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    const ends = (await admin.fetchTopicOffsets(topic.name)).map(({ partition, high }) => `${partition} ${high}`).toSorted()
    // Partitions 0 and 3, 1 and 4, 2 and 5 share one.
    expect(ends).toEqual(['0 10', '1 10', '2 10'])
    for (const group of ['sluice-regions-us', 'sluice-regions-eu']) {
      const [{ partitions } = { partitions: [] }] = await admin.fetchOffsets({ groupId: group, topics: [topic.name] })
      expect(partitions.map(({ partition, offset }) => `${partition} ${offset}`).toSorted()).toEqual(ends)
    }
    await admin.disconnect()
  })

  test('a topic that is missing is reported', { timeout: 60_000 }, async () => {
    const warnings: string[] = []
    const on = { warning: ({ message }: { message: string }) => warnings.push(message) }
    const us = await TRANSPORTS.kafkajs(server.address, 'us', { topic: 'missing', on })
    onTestFinished(await us.subscribe('us', () => Promise.resolve()))
    await waitUntil('the warning', () => warnings.some((text) => /topic "missing": no messages pass.*does not host/.test(text)), 30_000)
  })

  // @platformatic/kafka emits an error then, and reads no more. Nobody else listens to it.
  test('a process that cannot join its group again reads later', { timeout: 120_000 }, async () => {
    const join = TRANSPORTS['platformatic 2']
    const { name: topic } = await new Topic(server.address, { 'cleanup.policy': 'delete' }, 3).created()
    const warnings: string[] = []
    const on = { warning: ({ message }: { message: string }) => warnings.push(message) }
    const proxy = kafka.proxies[0] as TcpProxy
    const us = await join(`${proxy.host}:${proxy.port}`, 'us', { topic, group: topic, on })
    const other = await join(server.address, 'us', { topic, group: topic, on: { warning: () => undefined } })
    const eu = await TRANSPORTS.kafkajs(server.address, 'eu', { topic, group: topic, on: { warning: () => undefined } })
    const texts: string[] = []
    const apply = async (body: Uint8Array): Promise<void> => void texts.push(String(Buffer.from(body)))
    onTestFinished(await eu.subscribe('eu', () => Promise.resolve()))
    onTestFinished(await us.subscribe('us', apply))
    await eu.publish([{ partition: 0, body: Buffer.from('before') }])
    await waitUntil('the first message', () => texts.includes('before'), 60_000)
    proxy.loseReplies({ after: (request) => request.readInt16BE(4) === JOIN_GROUP, times: 2 })
    // A new member of the group makes all others join again.
    const leave = await other.subscribe('us', () => Promise.resolve())
    await waitUntil('the error', () => warnings.some((text) => text.includes('joinGroup failed')), 60_000)
    await leave()
    await eu.publish([{ partition: 0, body: Buffer.from('after') }])
    await waitUntil('the second message', () => texts.includes('after'), 60_000)
  })
})
