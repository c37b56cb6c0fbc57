import { join } from 'node:path'
import { kafkaSource, publishPolicy } from '@sluice/kafka'
import { parseDocument, policyFeed } from '@sluice/policies'
import { type KafkaServer, startKafka } from '@sluice/testing/kafka'
import { runReadme, waitUntil } from '@sluice/testing/processes'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LIBRARIES, Topic } from './clients.ts'
import { follow, text } from './feeds.ts'
import { sinkCases } from './sink-cases.ts'

let server: KafkaServer
beforeAll(async () => {
  server = await startKafka({
    'log.cleaner.backoff.ms': 200,
    'log.retention.check.interval.ms': 500,
    'offsets.retention.check.interval.ms': 500,
  })
}, 90_000)
afterAll(() => server?.stop())

test('the program of the README', async () => {
  expect(await runReadme(join(import.meta.dirname, '..'), { KAFKA: server.address, NODE_NO_WARNINGS: '1' })).toBe(
    'published 1\nin force: 1\n',
  )
})

const newTopic = (config?: Readonly<Record<string, string>>): Promise<Topic> => new Topic(server.address, config).created()

const libraries = Object.entries(LIBRARIES)
/** The releases of one library differ in how they read, and hardly in what fails. `npm run test:all` has all tests of both. */
const thorough = libraries.filter(([name]) => process.env['SLUICE_FAULTS'] === 'full' || name !== 'platformatic 1')

describe.each(libraries)('%s', (name, library) => {
  test('the document of the topic, then each that is written', async () => {
    const topic = await newTopic()
    await topic.write({ key: 'shop', text: text(1) }, { key: 'other', text: text(5, 5, 'other') })
    const { feed, revision, warnings } = await follow(library, topic, server.address)
    expect(revision()).toBe(1)
    expect(feed.document('other')?.revision).toBe(5)
    for (const number of [2, 3]) {
      await topic.write({ key: 'shop', text: text(number) })
      await waitUntil(`revision ${number}`, () => revision() === number)
    }
    expect(warnings).toEqual([])
    expect(feed.health()).toMatchObject({ source: 'connected', problem: undefined })
  })

  test('a topic that is empty, and gets its first document', async () => {
    const topic = await newTopic()
    const fallback = [parseDocument(text(1, 7))]
    const { revision, units } = await follow(library, topic, server.address, { fallback })
    expect(units()).toBe(7)
    await topic.write({ key: 'shop', text: text(2) })
    await waitUntil('revision 2', () => revision() === 2)
  })

  test('refresh reads what was written before it', async () => {
    const topic = await newTopic()
    await topic.write({ key: 'shop', text: text(1) })
    const { feed, revision } = await follow(library, topic, server.address)
    await topic.write({ key: 'shop', text: text(2) })
    await feed.refresh()
    expect(revision()).toBe(2)
  })

  test('no group and no offset is left behind', async () => {
    const topic = await newTopic()
    await topic.write({ key: 'shop', text: text(1) })
    const client = library.client(server.address)
    const feed = await policyFeed({ source: kafkaSource({ client, topic: topic.name, group: topic.name }), startTimeout: 20_000 })
    const hasGroup = async (): Promise<boolean> => (await topic.groups()).some((group) => group.startsWith(topic.name))
    // kafkajs reads in no other way.
    expect(await hasGroup()).toBe(name === 'kafkajs')
    await feed.close()
    // The broker looks for groups without members and offsets every 10 minutes. Here, twice a second.
    await waitUntil('the group to be gone', async () => !(await hasGroup()))
  })

  test('20 processes have a document less than a second after it was written', async () => {
    const topic = await newTopic()
    await topic.write({ key: 'shop', text: text(1) })
    let last = 0
    const on = { change: () => void (last = performance.now()), warning: () => undefined }
    const feeds = await Promise.all(Array.from({ length: 20 }, () => follow(library, topic, server.address, { on })))
    for (const revision of [2, 3, 4]) {
      const start = performance.now()
      await topic.write({ key: 'shop', text: text(revision) })
      await waitUntil(`revision ${revision}`, () => feeds.every((feed) => feed.revision() === revision))
      expect(last - start).toBeLessThan(1_000)
      if (process.env['SLUICE_MEASURE']) console.log(name, Math.round(last - start), 'ms')
    }
  })
})

describe.each(thorough)('%s', (_, library) => {
  describe('when something is wrong', () => {
    test('duplicate: the same record again changes nothing', async () => {
      const topic = await newTopic()
      await topic.write({ key: 'shop', text: text(2) })
      const { revision, warnings } = await follow(library, topic, server.address)
      await topic.write({ key: 'shop', text: text(2) }, { key: 'shop', text: text(2) }, { key: 'end', text: text(1, 1, 'end') })
      await waitUntil('the last record', () => revision() === 2)
      expect(warnings).toEqual([])
    })

    test('reorder: a lower revision is ignored, also by a process that starts after it', async () => {
      const topic = await newTopic()
      await topic.write({ key: 'shop', text: text(3) })
      const before = await follow(library, topic, server.address)
      await topic.write({ key: 'shop', text: text(2) })
      await waitUntil('the warning', () => before.warnings.length === 1)
      const after = await follow(library, topic, server.address)
      expect([before.revision(), after.revision()]).toEqual([3, 3])
      expect([before.warnings, after.warnings]).toEqual([['WARN_POLICY_STALE'], ['WARN_POLICY_STALE']])
    })

    test('fork: the first of two documents of one revision stays, also in a process that starts after it', async () => {
      const topic = await newTopic()
      await topic.write({ key: 'shop', text: text(3, 10) })
      const before = await follow(library, topic, server.address)
      await topic.write({ key: 'shop', text: text(3, 99) })
      await waitUntil('the anomaly', () => before.warnings.length === 1)
      const after = await follow(library, topic, server.address)
      expect([before.units(), after.units()]).toEqual([10, 10])
      expect([before.warnings, after.warnings]).toEqual([['ANOMALY_POLICY_FORK'], ['ANOMALY_POLICY_FORK']])
    })

    test('poison: a document that is not valid is refused, also by a process that starts after it', async () => {
      const topic = await newTopic()
      await topic.write({ key: 'shop', text: text(3) })
      const before = await follow(library, topic, server.address)
      await topic.write({ key: 'shop', text: 'policies: [', revision: 4 }, { key: 'shop', text: '\u0000\uFFFF' })
      await waitUntil('the error', () => before.warnings.includes('ERR_POLICY_INVALID'))
      expect(before.revision()).toBe(3)
      await topic.write({ key: 'shop', text: text(5) })
      await waitUntil('revision 5', () => before.revision() === 5)
      const after = await follow(library, topic, server.address)
      expect(after.revision()).toBe(5)
    })

    test('tombstone: the document stays in force, with a warning, and comes back', async () => {
      const topic = await newTopic()
      await topic.write({ key: 'shop', text: text(3) })
      const { revision, warnings } = await follow(library, topic, server.address)
      await topic.write({ key: 'shop', text: null })
      await waitUntil('the warning', () => warnings.length === 1)
      expect(warnings).toEqual(['WARN_POLICY_MISSING'])
      expect(revision()).toBe(3)
      await topic.write({ key: 'shop', text: text(4) })
      await waitUntil('revision 4', () => revision() === 4)
    })

    let revisions = 0
    test('compaction: a process that starts after it has the last revision', async () => {
      const small = { 'segment.bytes': '1048576', 'segment.ms': '200', 'min.cleanable.dirty.ratio': '0.01', 'max.compaction.lag.ms': '200' }
      const topic = await newTopic({ ...small, 'delete.retention.ms': '100' })
      await topic.write({ key: 'gone', text: text(1, 1, 'gone') }, { key: 'gone', text: null })
      await waitUntil(
        'the first records to be compacted away',
        async () => {
          for (let i = 1; i <= 5; i++) await topic.write({ key: 'shop', text: text(i + (revisions += 5)) })
          const offsets = await topic.offsets()
          return offsets[0] !== undefined && offsets[0] > 2
        },
        50_000,
      )
      const { revision, feed } = await follow(library, topic, server.address)
      expect(revision()).toBe(5 + revisions)
      expect(feed.namespaces).toEqual(['shop'])
      await topic.write({ key: 'shop', text: text(1_000_000) })
      await waitUntil('the next revision', () => revision() === 1_000_000)
    })

    test('several partitions have no order, so they are refused', async () => {
      const topic = await new Topic(server.address, {}, 3).created()
      await expect(follow(library, topic, server.address, { startTimeout: 1_500 })).rejects.toThrow(/has 3 partitions; create it with one/)
    })

    test('another topic, with more keys than there are namespaces: the start fails', async () => {
      const topic = await newTopic()
      await topic.write(...Array.from({ length: 1_001 }, (_, i) => ({ key: `order-${i}`, text: 'x' })))
      await expect(follow(library, topic, server.address, { startTimeout: 5_000 })).rejects.toThrow(/it has more than 1000 keys/)
    })

    test('a topic that is not there: the start fails, and does not create it', async () => {
      const topic = await newTopic()
      await topic.delete()
      await expect(follow(library, topic, server.address, { startTimeout: 1_500 })).rejects.toThrow(/ERR_POLICY_UNAVAILABLE/)
    })
  })

  describe('publishPolicy', () => {
    test('writes a higher revision, and no other', async () => {
      const topic = await newTopic()
      const producer = await library.producer(server.address)
      const publish = (revision: number, units: number, previous?: number): ReturnType<typeof publishPolicy> => {
        const client = library.client(server.address)
        return publishPolicy({ client, producer, topic: topic.name, namespace: 'shop', revision, text: text(revision, units), previous })
      }
      expect(await publish(5, 1)).toEqual({ isPublished: true, current: 5 })
      expect(await publish(5, 1)).toEqual({ isPublished: true, current: 5 })
      expect(await publish(5, 2)).toEqual({ isPublished: false, current: 5 })
      expect(await publish(4, 2)).toEqual({ isPublished: false, current: 5 })
      expect(await publish(6, 2, 4)).toEqual({ isPublished: false, current: 5 })
      expect(await publish(6, 2, 5)).toEqual({ isPublished: true, current: 6 })
      const { units, warnings } = await follow(library, topic, server.address)
      expect(units()).toBe(2)
      expect(warnings).toEqual([])
    })

    test('of several at once with one revision, one has published, and all processes follow that one', { timeout: 120_000 }, async () => {
      const topic = await newTopic()
      await topic.write({ key: 'shop', text: text(1) })
      const before = await follow(library, topic, server.address)
      const answers = await Promise.all(
        [10, 20, 30, 40].map(async (units) => {
          const [client, producer] = [library.client(server.address), await library.producer(server.address)]
          return publishPolicy({ client, producer, topic: topic.name, namespace: 'shop', revision: 2, text: text(2, units) })
        }),
      )
      expect(answers.filter(({ isPublished }) => isPublished)).toHaveLength(1)
      expect(answers.map(({ current }) => current)).toEqual([2, 2, 2, 2])
      const winner = answers.findIndex(({ isPublished }) => isPublished)
      const after = await follow(library, topic, server.address)
      await waitUntil('revision 2', () => before.revision() === 2)
      expect([before.units(), after.units()]).toEqual([[10, 20, 30, 40][winner], [10, 20, 30, 40][winner]])
      // What compaction leaves.
      const last = (await topic.last('shop')) ?? ''
      expect(last).toBe(text(2, [10, 20, 30, 40][winner]))
    })
  })
})

// Here, since a broker takes seconds to start.
describe('the sink of events', () => sinkCases(() => server.address))
