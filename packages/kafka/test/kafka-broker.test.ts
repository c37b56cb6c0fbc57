import { kafkaSource } from '@sluice/kafka'
import { parseDocument, policyFeed } from '@sluice/policies'
import { fakeClock } from '@sluice/testing'
import { startKafka } from '@sluice/testing/kafka'
import { waitUntil } from '@sluice/testing/processes'
import { describe, expect, onTestFinished, test } from 'vitest'
import { LIBRARIES, Topic } from './clients.ts'
import { follow, text } from './feeds.ts'

// Each test waits for a broker of its own to start again, which takes 10 s each time. `npm run test:all` runs all of them.
const isFull = process.env['SLUICE_FAULTS'] === 'full'
const names = isFull ? (['kafkajs', 'platformatic 2', 'platformatic 1'] as const) : (['kafkajs', 'platformatic 2'] as const)

describe.each(names)('%s, when the broker', (name) => {
  const library = LIBRARIES[name]

  test('is away at the start: the fallback holds, and the topic follows when the broker comes', { timeout: 120_000 }, async () => {
    const own = await startKafka()
    onTestFinished(() => own.stop())
    const topic = await new Topic(own.address).created()
    await topic.write({ key: 'shop', text: text(2) })
    await own.kill()
    const fallback = [parseDocument(text(1, 7))]
    const { feed, units, revision, warnings } = await follow(library, topic, own.address, { fallback, startTimeout: 500 })
    expect(units()).toBe(7)
    expect(feed.health().namespaces[0]?.from).toBe('fallback')
    await waitUntil('the warning', () => warnings.includes('WARN_POLICY_SOURCE'))
    await own.restart()
    await waitUntil('revision 2', () => revision() === 2, 60_000)
  })

  test('restarts: the document stays, and every later one comes', { timeout: 120_000 }, async () => {
    const own = await startKafka()
    onTestFinished(() => own.stop())
    const topic = await new Topic(own.address).created()
    await topic.write({ key: 'shop', text: text(1) })
    const { feed, revision } = await follow(library, topic, own.address)
    for (const number of isFull ? [2, 3] : [2]) {
      await own.kill()
      await waitUntil('the loss to be noticed', () => feed.health().source === 'away', 60_000)
      expect(revision()).toBe(number - 1)
      await own.restart()
      await topic.write({ key: 'shop', text: text(number) })
      await waitUntil(`revision ${number}`, () => revision() === number, 60_000)
    }
    expect(feed.health().source).toBe('connected')
  })

  test('hangs: the document stays, the source is away after 30 s, and the next document comes', { timeout: 120_000 }, async () => {
    const own = await startKafka()
    onTestFinished(() => own.stop())
    const topic = await new Topic(own.address).created()
    await topic.write({ key: 'shop', text: text(1) })
    const clock = fakeClock()
    const source = kafkaSource({ client: library.client(own.address, 60_000), topic: topic.name, clock })
    const feed = await policyFeed({ source, startTimeout: 20_000, on: { warning: () => undefined } })
    onTestFinished(() => feed.close())
    await own.pause()
    clock.advance(29_999)
    expect(feed.health().source).toBe('connected')
    clock.advance(1)
    await waitUntil('the silence to be noticed', () => feed.health().source === 'away')
    expect(feed.health().problem).toContain('no answer for 30000 ms')
    expect(feed.document('shop')?.revision).toBe(1)
    await own.resume()
    await topic.write({ key: 'shop', text: text(2) })
    await waitUntil('revision 2', () => feed.document('shop')?.revision === 2, 60_000)
  })
})
