// Sluice's engine. Most applications import their framework's package, which has all of this too.

// Limits: six algorithms as plain data.
export { amendLimit, concurrency, fixedWindow, leakyBucket, slidingLog, slidingWindow, tokenBucket } from './limit.ts'
export type { CalendarWindow, Common, Limit, LimitChanges, LimitRule } from './limit.ts'
export type { Duration } from './duration.ts'

// A limiter: limits, tiers and a store under one name.
export { createLimiter } from './limiter.ts'
export { setEnabled } from './limiter-engine.ts'
export type { Ask, Cost, Limiter, LimiterOptions, Names, Subject } from './limiter.ts'
export type { Decision, Mode } from './decision.ts'
export type { FailMode } from './policy.ts'
export type { Observers } from './observers.ts'

// Who is limited: the parts of a subject.
export { body, cookie, header, ip, route, user } from './identity/parts.ts'
export { joinSubject } from './identity/subject.ts'
export type { MissingRule } from './identity/subject.ts'
export type { KeyOf, Part } from './identity/part.ts'

// The store that is there from the start, and the contract of every other.
export { memoryStore } from './memory-store.ts'
export type { MemoryStoreOptions } from './memory-store.ts'
export type { Charge, ConsumeOptions, Outcome, Receipt, Source, Store, StoreError, StoreEvent, StoreHealth } from './store.ts'

// Layers: a store over a store.
export { denyCache } from './layers/deny-cache.ts'
export type { DenyCacheOptions } from './layers/deny-cache.ts'
export { leases } from './layers/leases/leases.ts'
export type { LeaseOptions } from './layers/leases/lease-terms.ts'

// One decision over stores, or parts of one, that share no atomic step.
export { type ChargeGroup, consumeAcross, consumeUnits, groupByUnit, type UnitGroup } from './across.ts'

// The layers over a store, for authors of stores.
export { stack } from './layers/stack.ts'
export type { StackOptions, StackParts } from './layers/stack.ts'
export type { FailoverOptions, FailoverParts } from './layers/failover/options.ts'
export type { Presence } from './layers/failover/instance-count.ts'

// HTTP, for authors of adapters: facts of a request in, headers and an answer out.
export { createPipeline } from './http/pipeline.ts'
export type { Extension, HttpOutcome, Pipeline } from './http/pipeline.ts'
export type { Done } from './http/after.ts'
export { type HeaderLine, lowerCase } from './http/headers.ts'
export type { DialectOptions } from './http/headers-dialect.ts'
export type { Host } from './http/host.ts'
export type { RateLimitOptions } from './http/options.ts'
export { connectionAddress, hasLeft } from './http/connection.ts'
export { awaitTurn } from './http/turn.ts'
export { followResponse, waitedFor, whenAborted, whenBodyEnds, withHeaders } from './http/web.ts'
export type { WebResponse, WebSignal } from './runtime.ts'

// Errors: one class, a closed set of codes; and the one wording in which options are refused.
export { CODES, invalid, isSluiceError, SluiceError } from './errors.ts'
export { knownOptions } from './options.ts'
export type { Code } from './errors.ts'

// Time, and values that may be promises.
export { systemClock } from './clock.ts'
export type { Clock } from './clock.ts'
export { isPromise } from './runtime.ts'
export type { MaybePromise } from './runtime.ts'
