// The law of every store, on the real object in a real workerd.
import type { Clock, Store } from '@sluice/core'
import { modelProperty, publishedTables, storeConformance } from '@sluice/testing'
import type { Workerd } from '@sluice/testing/workerd'
import { afterAll, beforeAll } from 'vitest'
import { remoteStore, startLab } from './lab.ts'

let server: Workerd
beforeAll(async () => {
  server = await startLab()
})
afterAll(() => server.stop())

const make =
  (objects: number) =>
  (clock: Clock): Store =>
    remoteStore(server, { objects }, clock)

storeConformance('durableObjectStore', { make: make(64) })
publishedTables('durableObjectStore', make(64))
// Fewer steps than in a process: each is a request to the Worker, and from there one to the object.
// The exception of law 4: charges in several objects do not see each other in the look, so the model is of one object.
modelProperty('durableObjectStore, one object', make(1), { steps: Number(process.env['SLUICE_FUZZ'] ?? 1_000) })
