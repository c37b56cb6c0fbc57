// The contract of the store with all of its layers, in workerd. While the objects answer, it is the contract of the store alone.
import { storeConformance } from '@sluice/testing'
import type { Workerd } from '@sluice/testing/workerd'
import { afterAll, beforeAll } from 'vitest'
import { layeredStore, startLayers } from './layers-lab.ts'

let server: Workerd
beforeAll(async () => {
  server = await startLayers()
})
afterAll(() => server.stop())

// No subject here is hot enough for a lease: under a lease, `remaining` may be less than the model's. The deadline is long, so that a busy
// machine does not decide instead of the objects.
const layers = { failover: { deadline: 10_000, instances: 1 }, leases: { hot: 60_000 } }
storeConformance('durableObjectStore, all layers', { make: (clock) => layeredStore(server, layers, clock), resetsAll: false })
