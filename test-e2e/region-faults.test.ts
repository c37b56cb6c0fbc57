// Three regions on real servers under faults. No region admits more than its limit by what it admitted and what was delivered to it, and
// afterwards all count each unit once. With SLUICE_FAULTS=full, faults are longer.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { FaultyRegions } from './support/region-faults/faulty-regions.ts'
import { randomOf } from './support/simulation/random.ts'

const isFull = process.env['SLUICE_FAULTS'] === 'full'
const seed = Number(process.env['SLUICE_SEED'] ?? Date.now() % 2 ** 31)

let world: FaultyRegions | undefined
afterEach(() => world?.stop())

async function begin(skews?: readonly number[], isForgetful?: boolean): Promise<FaultyRegions> {
  world = new FaultyRegions(randomOf(seed), skews, isForgetful)
  await world.start()
  return world
}

async function end(regions: FaultyRegions): Promise<void> {
  await regions.settle()
  expect(regions.violations).toEqual([])
  expect(regions.admissions).toBeGreaterThan(100)
}

test(`SLUICE_SEED=${seed}: a cut, a replay, strange messages, a process that is killed`, { timeout: 600_000 }, async () => {
  const regions = await begin()
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

test(`SLUICE_SEED=${seed}: a region loses its data, and clocks differ by 2 s`, { timeout: 600_000 }, async () => {
  const regions = await begin([-2_000, 0, 2_000])
  await regions.ask(2_000)
  await regions.lose(1)
  await regions.ask(2_000)
  await Promise.all([regions.ask(2_000), regions.replay(2), regions.killBeforePublish(0)])
  await end(regions)
})

test('a region that forgets what it heard is noticed', async () => {
  const regions = await begin([0, 0, 0], true)
  for (let i = 0; i < 20 && regions.violations.length === 0; i++) await regions.ask(1_000)
  expect(regions.violations[0]).toMatch(/admitted .* though it had admitted and heard of \d+/)
})
