import { kafkaSource, publishPolicy } from '@sluice/kafka'
import { describe, expect, test } from 'vitest'
import { TopicLog } from '../src/topic-log.ts'

const client = { consumer: () => ({}), admin: () => ({}) }
const producer = { send: () => Promise.resolve() }

test.each([
  [{}, 'kafkaSource: client: expected a Kafka of kafkajs, or a Consumer of @platformatic/kafka, got undefined'],
  [{ client: {}, topic: 't' }, 'kafkaSource: client: expected a Kafka of kafkajs, or a Consumer of @platformatic/kafka, got an object'],
  [{ client }, 'kafkaSource: topic: expected the name of a topic, got undefined'],
  [{ client, topic: 'a b' }, 'kafkaSource: topic: expected the name of a topic, got the string "a b"'],
  [{ client, topic: 't', group: 'ä' }, 'kafkaSource: group: expected 1 to 200 letters, digits, _ . or -'],
  [{ client, topic: 't', groups: 'x' }, 'kafkaSource: "groups" is not an option; use group'],
])('%j is refused', (options, message) => {
  expect(() => kafkaSource(options as never)).toThrow(message)
})

const published = { client, topic: 't', producer, namespace: 'shop', revision: 1, text: 'x' }
test.each([
  [{ producer: undefined }, 'publishPolicy: producer: expected a producer of kafkajs or of @platformatic/kafka, got undefined'],
  [{ namespace: '9' }, 'publishPolicy: namespace: expected a letter'],
  [{ revision: 0 }, 'publishPolicy: revision: expected a whole number, at least 1, got 0'],
  [{ previous: -1 }, 'publishPolicy: previous: expected a whole number, at least 0, got -1'],
  [{ text: ' ' }, 'publishPolicy: text: expected a document of at most 1048576 bytes'],
  [{ text: 'x'.repeat(1_048_577) }, 'publishPolicy: text: expected a document of at most 1048576 bytes'],
  [{ key: 'x' }, 'publishPolicy: "key" is not an option'],
])('publishPolicy with %j is refused', async (options, message) => {
  await expect(publishPolicy({ ...published, ...options } as never)).rejects.toThrow(message)
})

describe('what is read of a topic', () => {
  const logOf = (...records: readonly (readonly [text: string | undefined, revision?: number])[]): TopicLog => {
    const log = new TopicLog()
    for (const [i, [text, revision]] of records.entries()) log.record({ key: 'shop', text, offset: BigInt(i), revision })
    return log
  }
  const texts = (log: TopicLog): readonly string[] => log.documents().map(({ text }) => text)

  test('the last record of a key', () => {
    expect(texts(logOf(['a', 1], ['b', 2]))).toEqual(['b'])
    expect(texts(logOf(['a'], ['b']))).toEqual(['b'])
  })

  test('the highest revision as well, if another record came after it', () => {
    expect(texts(logOf(['a', 3], ['b', 2]))).toEqual(['a', 'b'])
    expect(texts(logOf(['a', 3], ['b', 3], ['c', 1]))).toEqual(['a', 'c'])
  })

  test('a tombstone ends all of a key', () => {
    expect(texts(logOf(['a', 3], [undefined]))).toEqual([])
    expect(texts(logOf(['a', 9], [undefined], ['b', 2]))).toEqual(['b'])
  })

  test('the last record of each key from a cursor on, in their order', () => {
    const log = logOf(['a', 1], ['b', 2], [undefined])
    log.record({ key: 'other', text: 'x', offset: 3n, revision: 1 })
    log.record({ key: 'shop', text: 'c', offset: 4n, revision: 3 })
    expect(log.since(4n)).toEqual([{ type: 'put', key: 'shop', text: 'c', cursor: '5' }])
    expect(log.since(0n).map((event) => ('key' in event ? event.key : ''))).toEqual(['other', 'shop'])
  })

  test('is complete when a fetch that began after the call has reached the end', async () => {
    const log = new TopicLog()
    let isDone = false
    const first = log.caughtUp()
    log.fetched(5n, false)
    log.fetched(9n, true)
    await first
    const second = log.caughtUp().then(() => (isDone = true))
    log.fetched(9n, true)
    await Promise.resolve()
    expect(isDone).toBe(false)
    log.fetched(9n, true)
    await second
    expect(log.position).toBe(9n)
  })

  test('a reading that failed rejects all who wait', async () => {
    const log = new TopicLog()
    const waiting = log.caughtUp()
    log.fail(new Error('gone'))
    await expect(waiting).rejects.toThrow('gone')
    await expect(log.caughtUp()).rejects.toThrow('gone')
  })
})
