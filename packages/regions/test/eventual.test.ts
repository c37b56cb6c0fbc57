// Random histories of regions in mode `eventual`. 2,000 of them each time, 20,000 with SLUICE_FAULTS=full.
import * as regions from '@sluice/regions/store-kit'
import { playEventual } from '@sluice/testing/regions'
import { expect, test } from 'vitest'

const HISTORIES = process.env['SLUICE_FAULTS'] === 'full' ? 20_000 : 2_000

test(`${HISTORIES} random histories break no promise`, { timeout: 1_800_000 }, async () => {
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const violation = await playEventual(regions, seed)
    expect(violation === undefined ? undefined : { seed, ...violation }).toBeUndefined()
  }
})

// Histories that once broke a promise.
test.each([
  [5689, 'a give-back of 0 units is not the birth of a bucket'],
  [10_105, 'a bucket whose birth has ended says that nothing was taken since (the oracle was wrong)'],
  [9_224, 'a process that published some states of a subject does not delay the others'],
])('seed %i: %s', async (seed) => {
  expect(await playEventual(regions, seed)).toBeUndefined()
})
