// Entry `@sluice/testing`: suites that prove a store or an adapter, and the tools they are built from.

// The contract of a store, as tests: case by case, against the model by random histories, and with published tables.
export { storeConformance } from './conformance/store-conformance.ts'
export { leaseConformance } from './conformance/leases.ts'
export type { StoreUnderTest } from './conformance/suite.ts'
export { modelProperty } from './model/property.ts'
export type { ModelPropertyOptions } from './model/property.ts'
export { publishedTables } from './conformance/published-tables.ts'

// The contract of an adapter, as tests over real sockets.
export { httpConformance } from './http/conformance.ts'
export type { HttpConformanceOptions } from './http/conformance.ts'
export type {
  Answer,
  AppSpec,
  ContextReader,
  Feature,
  HandlerInput,
  HttpAdapter,
  Mount,
  Route,
  RunningServer,
  ServerControl,
  ServerLog,
} from './http/adapter.ts'

// The contract of a source of policy documents, as tests over a real server.
export { policySourceConformance } from './sources/conformance.ts'
export { type Followed, followedSource, holdsRevision, policyText } from './sources/followed.ts'
export type { OpenedSource, OpenSource, SourceAbilities } from './sources/conformance.ts'

// The contract of a storage of a block list, as tests on a manual clock.
export { blockStorageConformance } from './blocks/conformance.ts'
export { bitmap, blockRule, strikeReport } from './blocks/storage-kit.ts'
export type { OpenBlockStorage } from './blocks/storage-kit.ts'

// The contract of a transport between regions, as tests over real servers.
export { regionTransportConformance } from './transports/conformance.ts'
export type { JoinedProcess, OpenedTransport, OpenTransport } from './transports/conformance.ts'

// A store that reports what happens after a decision: refunds, renewals, credits.
export { observedStore } from './http/observed-store.ts'

// A clock that tests move by hand.
export { fakeClock, START } from './fake-clock.ts'
export type { FakeClock } from './fake-clock.ts'

// Waiting for a condition instead of a time.
export { waitUntil } from './processes/wait-until.ts'

// The reference model, and random histories to compare a store with it.
export { createModel } from './model/model.ts'
export type { Model } from './model/model.ts'
export type { ModelCharge, ModelOutcome } from './model/algorithm.ts'
export { histories } from './model/histories.ts'
export type { History, Step } from './model/histories.ts'
export { families } from './model/history-limits.ts'
export type { Family } from './model/history-limits.ts'
export { mismatchOf } from './model/mismatch.ts'
export { firstMismatch } from './model/replay.ts'
export type { Mismatch } from './model/replay.ts'

// What a limit promises to admit at most in any interval, checked on what was admitted.
export { checkEnvelope } from './envelope/envelope.ts'
export type { Admission, Refund, Violation } from './envelope/envelope.ts'
export { recordStore } from './envelope/recorder.ts'
export type { Recorded, Track } from './envelope/recorder.ts'
