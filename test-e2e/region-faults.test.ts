// Three regions on real servers under faults. No region admits more than its limit by what it admitted and what was delivered to it, and
// afterwards all count each unit once. With SLUICE_FAULTS=full, faults are longer, and Kafka is between the regions too.
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaServer } from '@sluice/testing/kafka'
import { afterEach, expect, test } from 'vitest'
import type { OpenBetween } from './support/region-faults/between.ts'
import { FaultyRegions } from './support/region-faults/faulty-regions.ts'
import { KafkaBetween } from './support/region-faults/kafka-between.ts'
import { type JoinKafka, joinKafkajs, joinPlatformatic } from './support/region-faults/kafka-clients.ts'
import { StreamsBetween } from './support/region-faults/streams-between.ts'
import { randomOf } from './support/simulation/random.ts'

const isFull = process.env['SLUICE_FAULTS'] === 'full'
const seed = Number(process.env['SLUICE_SEED'] ?? Date.now() % 2 ** 31)

let world: FaultyRegions | undefined
afterEach(() => world?.stop())

async function begin(open: OpenBetween, skews?: readonly number[], isForgetful?: boolean): Promise<FaultyRegions> {
  world = new FaultyRegions(randomOf(seed), open, skews, isForgetful)
  await world.start()
  return world
}

async function end(regions: FaultyRegions): Promise<void> {
  await regions.settle()
  expect(regions.violations).toEqual([])
  expect(regions.admissions).toBeGreaterThan(100)
}

const kafka: Readonly<Record<string, JoinKafka>> = isFull ? { kafkajs: joinKafkajs, '@platformatic/kafka': joinPlatformatic } : {}
const transports: readonly (readonly [string, OpenBetween])[] = [
  ['streams', StreamsBetween.open],
  ...Object.entries(kafka).map(([name, join]) => [name, () => KafkaBetween.open(join)] as const),
]
for (const [name, open] of transports) {
  test(`${name}, SLUICE_SEED=${seed}: a cut, a replay, strange messages, a process that is killed`, { timeout: 600_000 }, async () => {
    const regions = await begin(open)
    await regions.ask(1_000)
    regions.cut(0, true)
    await regions.ask(2_000)
    await sleep(isFull ? 60_000 : 3_000)
    await regions.ask(500)
    regions.cut(0, false)
    await Promise.all([regions.ask(3_000), regions.replay(1), regions.sendStrange(2), regions.killBeforePublish(2)])
    await regions.replay(0)
    await end(regions)
  })

  test(`${name}, SLUICE_SEED=${seed}: a region loses its data, and clocks differ by 2 s`, { timeout: 600_000 }, async () => {
    const regions = await begin(open, [-2_000, 0, 2_000])
    await regions.ask(2_000)
    await regions.lose(1)
    await regions.ask(2_000)
    await Promise.all([regions.ask(2_000), regions.replay(2), regions.killBeforePublish(0)])
    await end(regions)
  })
}

// Streams have no counterpart: the Redis of a region is its store too.
for (const [name, join] of Object.entries(kafka)) {
  test(`${name}, SLUICE_SEED=${seed}: the broker is killed twice while clients ask`, { timeout: 600_000 }, async () => {
    let broker: KafkaServer | undefined
    const regions = await begin(async () => {
      const between = await KafkaBetween.open(join)
      broker = between.server
      return between
    })
    const asking = regions.ask(30_000, 50)
    for (let i = 0; i < 2; i++) {
      await sleep(3_000)
      await broker?.kill()
      await sleep(3_000)
      await broker?.restart()
    }
    await asking
    await end(regions)
  })
}

test('a region that forgets what it heard is noticed', async () => {
  const regions = await begin(StreamsBetween.open, [0, 0, 0], true)
  for (let i = 0; i < 20 && regions.violations.length === 0; i++) await regions.ask(1_000)
  expect(regions.violations[0]).toMatch(/admitted .* though it had admitted and heard of \d+/)
})
