import { type KafkaEventBatch, kafkaSink } from '@sluice/kafka'
import { describe, expect, test } from 'vitest'

describe('options', () => {
  const producer = { send: () => Promise.resolve() }
  test.each([
    [{}, /kafkaSink: producer: expected a producer of kafkajs or of @platformatic\/kafka, got undefined/],
    [{ producer, topics: { decisions: 'a b' } }, /kafkaSink: topics.decisions: expected the name of a topic, got the string "a b"/],
    [{ producer, topics: { decision: 'a' } }, /"decision" is not an option; use decisions/],
    [{ producer, compression: 'zstd' }, /kafkaSink: compression: expected 'gzip' or 'none', got the string "zstd"/],
    [{ producer, topic: 'a' }, /"topic" is not an option; use topics/],
  ])('%o is refused', (options, message) => {
    expect(() => kafkaSink(options as never)).toThrow(message)
  })

  test('the topics have the names of the events', async () => {
    const sent: unknown[] = []
    const { name, send } = kafkaSink({ producer: { send: (record: never) => Promise.resolve(sent.push(record)) } })
    expect(name).toBe('Kafka (sluice.decisions.v1, sluice.usage.v1)')
    for (const topic of ['sluice.decisions.v1', 'sluice.usage.v1'] as KafkaEventBatch['topic'][]) await send({ topic, events: [{}] })
    expect(sent).toMatchObject([{ messages: [{ topic: 'sluice.decisions.v1' }] }, { messages: [{ topic: 'sluice.usage.v1' }] }])
  })
})
