// Each test starts a broker of its own, kills it and starts it again, which takes 20 s: in the slow tier only.
import { createLimiter, fixedWindow } from '@sluice/core'
import { kafkaSink } from '@sluice/kafka'
import { decisionEvents, type EventWarning } from '@sluice/telemetry'
import { fakeClock } from '@sluice/testing'
import { startKafka } from '@sluice/testing/kafka'
import { waitUntil } from '@sluice/testing/processes'
import { describe, expect, onTestFinished, test } from 'vitest'
import { LIBRARIES } from './clients.ts'
import { namesOf, newEventTopics, sumsIn } from './event-topics.ts'

const SECRET = 'a secret of this test'

describe.each(Object.entries(LIBRARIES))('%s, a broker that is away', (name, library) => {
  test('no request waits or fails, drops are counted, and the sums are right afterwards', { timeout: 240_000 }, async () => {
    const own = await startKafka()
    onTestFinished(() => own.stop())
    const topics = await newEventTopics(own.address)
    const producer = await library.producer(own.address)
    const [clock, warnings] = [fakeClock(Date.now()), [] as EventWarning[]]
    const sink = kafkaSink({ producer, topics: namesOf(topics) })
    const on = { warning: (warning: EventWarning) => void warnings.push(warning) }
    const events = decisionEvents({ sink, secret: SECRET, sample: 1, maxQueue: 1_000, timeout: 600_000, clock, on })
    onTestFinished(() => events.close())
    const limiter = createLimiter({
      name: `away-${name.replace(' ', '-')}`,
      limits: [fixedWindow({ name: 'hour', limit: 2_500, window: '1h' })],
    })
    const decide = (count: number): void => {
      for (let i = 0; i < count; i++) expect(limiter.consume('alice')).toMatchObject({ mode: 'enforce' })
    }
    await decide(500)
    expect(await events.flush()).toBe(true)
    await own.kill()
    await decide(3_000)
    expect(await events.flush()).toBe(false)
    await waitUntil('the warning', () => warnings.some(({ code }) => code === 'WARN_SINK_AWAY'))
    await decide(1_000)
    expect(events.dropped()).toEqual({ budget: 0, queue: 3_000, rejected: 0, expired: 0 })
    await own.restart()
    await waitUntil('the events to be sent', () => events.flush(), 120_000)
    expect(await sumsIn(topics.usage)).toEqual({ allowed: 2_500, refused: 2_000 })
    expect(new Set((await topics.decisions.keyed()).map(({ value }) => (value as { id: string }).id)).size).toBe(1_500)
    expect(warnings.at(-1)?.code).toBe('WARN_SINK_BACK')
  })
})
