// The scenarios of `npm run simulate:regions` at a hundredth of their size.
import { expect, test } from 'vitest'
import { regionScenarios } from './support/region-simulation/scenario.ts'
import { simulateRegions } from './support/region-simulation/simulate.ts'
import { problemOf } from './support/region-simulation/table.ts'

const seed = Number(process.env['SLUICE_SEED'] ?? Date.now() % 2 ** 31)
const small = regionScenarios(0.01)
const resultOf = async (name: string) => {
  const scenario = small.find((each) => each.name === name)
  if (scenario === undefined) throw new Error(`no scenario is named "${name}"`)
  return simulateRegions(scenario, seed)
}

test.for(small.map((scenario) => [scenario.name, scenario] as const))(`SLUICE_SEED=${seed}: %s`, async ([, scenario]) => {
  const result = await simulateRegions(scenario, seed)
  expect(result.decisions).toBeGreaterThan(100)
  expect(problemOf({ scenario, result })).toBeUndefined()
})

test('subjects below `minimum` cost nothing', async () => {
  expect(await resultOf('a million subjects, each far below its limit')).toMatchObject({ active: 0, messages: 0, bytes: 0 })
})

test('a client in one region has no error, the whole limit at once in all regions has the largest one', async () => {
  expect((await resultOf('each client in one region, 2 × its limit')).excess).toMatchObject({ subjects: 0 })
  const { excess } = await resultOf('the whole limit at once in all regions')
  expect(excess.worst).toBeLessThanOrEqual(9)
  expect(excess.worst).toBeGreaterThan(8)
})

test('the same seed gives the same result', async () => {
  const name = 'evenly in all regions, 2 × the limit'
  expect(await resultOf(name)).toEqual(await resultOf(name))
})

test('an admission above the bound fails the run', async () => {
  const scenario = small.find(({ name }) => name === 'evenly in all regions, 10 × the limit')
  if (scenario === undefined) throw new Error('the scenario is missing')
  // The meter expects messages twenty times as soon as they are.
  const result = await simulateRegions(scenario, seed, 0.05)
  expect(problemOf({ scenario, result })).toMatch(/above the bound/)
})
