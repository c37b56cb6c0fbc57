// Two of the settings of `npm run measure:regions`, on real servers, in one window of 6 s.
import { expect, test } from 'vitest'
import { measureErrors } from './support/region-errors/measure.ts'
import { problemsOf } from './support/region-errors/table.ts'
import { foundOf } from './support/region-errors/unknown-units.ts'
import { randomOf } from './support/simulation/random.ts'

const seed = Number(process.env['SLUICE_SEED'] ?? Date.now() % 2 ** 31)

test(`SLUICE_SEED=${seed}: what regions exceed a limit by is within the bound`, async () => {
  const settings = [
    { regions: 2, interval: 300, way: 5 },
    { regions: 3, interval: 300, way: 150 },
  ]
  const measured = await measureErrors(settings, { limit: 100, window: 6_000, random: randomOf(seed) })
  expect(measured.flatMap(problemsOf)).toEqual([])
  for (const { found } of measured) expect(found.get('one region, 2 ×')).toMatchObject({ admitted: 1, error: 0 })
  for (const { setting, longestWay } of measured) expect(longestWay).toBeGreaterThanOrEqual(setting.way)
})

test('the bound counts what others admitted within the lag, and what they hide', () => {
  const at = (region: number, answered: number) => ({ region, asked: answered, answered })
  const terms = { limit: 10, regions: 2, lag: 100 }
  const others = [at(1, 0), at(1, 10), at(1, 950)]
  const own = Array.from({ length: 9 }, () => at(0, 1_000))
  expect(foundOf([...others, ...own], terms)).toEqual({ admitted: 1.2, error: 0.2, bound: 0.1 })
  expect(foundOf([at(1, 950), ...own], terms)).toEqual({ admitted: 1, error: 0, bound: 0.1 })
  expect(foundOf([], terms)).toEqual({ admitted: 0, error: 0, bound: 0 })
})
