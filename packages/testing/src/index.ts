// How Sluice is proved.

// One behaviour over HTTP, whatever the framework: an adapter of the suite says how to serve an app.
export { httpConformance } from './http/conformance.ts'
export type { HttpConformanceOptions } from './http/conformance.ts'
export type {
  Answer,
  AppSpec,
  ServerControl,
  Feature,
  ServerLog,
  HttpAdapter,
  Mount,
  ContextReader,
  Route,
  HandlerInput,
  RunningServer,
} from './http/adapter.ts'

// Time that stands still.
export { fakeClock } from './fake-clock.ts'
export type { FakeClock } from './fake-clock.ts'

// The contract of a store as tests: one by one, against the model, and with the published tables of others.
export { storeConformance } from './conformance/store-conformance.ts'
export type { StoreUnderTest } from './conformance/suite.ts'
export { modelProperty } from './model/property.ts'
export type { ModelPropertyOptions } from './model/property.ts'
export { publishedTables } from './conformance/published-tables.ts'

// The reference: what a store must answer, in big integers; and random histories to ask it.
export { createModel } from './model/model.ts'
export type { Model, ModelCharge } from './model/model.ts'
export type { ModelOutcome } from './model/family.ts'
export { histories } from './model/histories.ts'
export type { History, Step } from './model/histories.ts'
export { families } from './model/history-limits.ts'
export type { Family } from './model/history-limits.ts'
export { firstMismatch, mismatchOf } from './model/replay.ts'
export type { Mismatch } from './model/replay.ts'

// Promises: what may be admitted in any interval, checked on what was.
export { checkEnvelope } from './envelope/envelope.ts'
export type { Admission, Refund, Violation } from './envelope/envelope.ts'
export { recordStore } from './envelope/recorder.ts'
export type { Recorded, Track } from './envelope/recorder.ts'
