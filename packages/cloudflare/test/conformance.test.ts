// The contract of every store, on the real object in a real workerd.
import type { Clock, Store } from '@sluice/core'
import { leaseConformance, publishedTables, storeConformance } from '@sluice/testing'
import { modelFamilies } from '@sluice/testing/model'
import type { Workerd } from '@sluice/testing/workerd'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { remoteStore, startLab } from './lab.ts'

let server: Workerd
beforeAll(async () => {
  server = await startLab()
})
afterAll(() => server.stop())

const make = (clock: Clock): Store => remoteStore(server, {}, clock)
storeConformance('durableObjectStore', { make, resetsAll: false })
leaseConformance('durableObjectStore', { make })
publishedTables('durableObjectStore', make)

// One object, because a decision over several objects peeks at each of them apart, which the model does not.
describe('durableObjectStore, one object: the model', () => {
  const steps = String(Math.ceil(Number(process.env['SLUICE_FUZZ'] ?? 10_000) / 5))
  const seed = process.env['SLUICE_SEED']
  for (const family of modelFamilies) {
    test(`${family}: ${steps} random steps, every field, and the promise`, { timeout: 120_000 + 20 * Number(steps) }, async () => {
      const query = new URLSearchParams({ family, steps, ...(seed === undefined ? {} : { seed }) })
      expect(await (await fetch(`${server.url}/model?${query}`)).text()).toMatch(/^\d+ steps$/)
    })
  }
})
