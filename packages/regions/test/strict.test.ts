// Random histories of regions in mode `strict`. 500 of them each time, 5,000 with SLUICE_FAULTS=full.
import * as regions from '@sluice/regions/store-kit'
import { playShares, playStrict } from '@sluice/testing/regions'
import { expect, test } from 'vitest'

const HISTORIES = process.env['SLUICE_FAULTS'] === 'full' ? 5_000 : 500

test(`${HISTORIES} random histories break no promise`, { timeout: 1_800_000 }, async () => {
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const violation = await playStrict(regions, seed)
    expect(violation === undefined ? undefined : { seed, ...violation }).toBeUndefined()
  }
})

test(`${4 * HISTORIES} random histories of share tables give no right twice`, { timeout: 600_000 }, () => {
  for (let seed = 1; seed <= 4 * HISTORIES; seed++) {
    const violation = playShares(regions, seed)
    expect(violation === undefined ? undefined : { seed, ...violation }).toBeUndefined()
  }
})
