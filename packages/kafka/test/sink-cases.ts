import { createLimiter, fixedWindow } from '@sluice/core'
import { kafkaSink } from '@sluice/kafka'
import { decisionEvents } from '@sluice/telemetry'
import { describe, expect, test } from 'vitest'
import { LIBRARIES, Topic } from './clients.ts'
import { namesOf, newEventTopics, sumsIn } from './event-topics.ts'

const SECRET = 'a secret of this test'

/** Tests of the sink on a broker that other tests have started. */
export function sinkCases(addressOf: () => string): void {
  describe.each(Object.entries(LIBRARIES))('%s', (name, library) => {
    test.each(['gzip', 'none'] as const)('the events of decisions, and exact sums: compression %s', async (compression) => {
      const topics = await newEventTopics(addressOf())
      const producer = await library.producer(addressOf())
      const warnings: string[] = []
      const sink = kafkaSink({ producer, topics: namesOf(topics), compression })
      const events = decisionEvents({ sink, secret: SECRET, sample: 1, on: { warning: ({ message }) => warnings.push(message) } })
      const limiter = createLimiter({
        name: `sink of ${name}`.replaceAll(' ', '-'),
        limits: [fixedWindow({ name: 'hour', limit: 400, window: '1h' })],
      })
      for (let i = 0; i < 700; i++) await limiter.consume('alice')
      await events.close()
      expect(warnings).toEqual([])
      const records = await topics.decisions.keyed()
      expect(records).toHaveLength(700)
      expect(records[0]?.value).toMatchObject({
        namespace: limiter.name,
        policy: limiter.name,
        limit: 'hour',
        verdict: 'allowed',
        weight: 1,
      })
      // The key is the subject, so that its events stay in order.
      expect(new Set(records.map(({ key }) => key))).toEqual(new Set(records.map(({ value }) => (value as { subject: string }).subject)))
      expect(await sumsIn(topics.usage)).toEqual({ allowed: 400, refused: 300 })
    })

    test('a batch that the broker finds too large is refused for good', async () => {
      const topic = await new Topic(addressOf(), { 'cleanup.policy': 'delete', 'max.message.bytes': '1000' }).created()
      const producer = await library.producer(addressOf())
      const { send } = kafkaSink({ producer, topics: { decisions: topic.name }, compression: 'none' })
      const batch = { topic: 'sluice.decisions.v1', events: [{ subject: 'x'.repeat(2_000) }] } as const
      await expect(send(batch)).rejects.toMatchObject({ message: 'the broker refuses the batch', isFinal: true })
    })
  })
}
