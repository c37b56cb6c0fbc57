// How Sluice is proved.

// One behaviour over HTTP, whatever the framework: an adapter of the suite says how to serve an app.
export { httpConformance } from './http-conformance.ts'
export type { HttpConformanceOptions } from './http-conformance.ts'
export type { Answer, AppSpec, Control, Feature, Heard, HttpAdapter, Mount, Reader, Route, Seen, Served } from './http-adapter.ts'

// Time that stands still.
export { fakeClock } from './fake-clock.ts'
export type { FakeClock } from './fake-clock.ts'

// The contract of a store as tests: one by one, against the model, and with the published tables of others.
export { storeConformance } from './store-conformance.ts'
export type { StoreUnderTest } from './conformance/bench.ts'
export { modelProperty } from './model-property.ts'
export type { ModelPropertyOptions } from './model-property.ts'
export { publishedTables } from './published-tables.ts'

// The reference: what a store must answer, in big integers; and random histories to ask it.
export { createModel } from './model/model.ts'
export type { Model, ModelCharge } from './model/model.ts'
export type { ModelOutcome } from './model/family.ts'
export { histories } from './histories.ts'
export type { History, Step } from './histories.ts'
export { families } from './histories-limits.ts'
export type { Family } from './histories-limits.ts'
export { firstMismatch, mismatchOf } from './replay.ts'
export type { Mismatch } from './replay.ts'

// Promises: what may be admitted in any interval, checked on what was.
export { checkEnvelope } from './envelope.ts'
export type { Admission, GivenBack, Violation } from './envelope.ts'
export { recordStore } from './recorder.ts'
export type { Recorded, Track } from './recorder.ts'
