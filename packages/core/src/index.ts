// What applications use. Each framework's package exports all of it again. Authors of stores also import '@sluice/core/store-kit'
// and '@sluice/core/algorithms'. Authors of adapters also import '@sluice/core/adapter-kit'.

// Limits: six algorithms as plain data.
export { concurrency, fixedWindow, leakyBucket, slidingLog, slidingWindow, tokenBucket } from './limits.ts'
export type { ConcurrencyOptions, FixedWindowOptions, LeakyBucketOptions, SlidingLogOptions } from './limits.ts'
export type { SlidingWindowOptions, TokenBucketOptions } from './limits.ts'
export type { LimitFields } from './define-limit.ts'
export type { DelayOptions } from './delay-options.ts'
export type { CalendarAnchor, CalendarWindow, GrowingDelay, Limit, LimitRule } from './limit.ts'
export type { NumberFunction, PerRequest, RequestNumbers } from './limit.ts'
export { amendLimit } from './amend-limit.ts'
export type { LimitChanges } from './amend-limit.ts'
export type { LimitNumbers } from './numbers/amended.ts'
export type { NumbersByLimit } from './numbers/sets.ts'
export type { Duration } from './duration.ts'

// A limiter: limits, tiers and a store under one name.
export { createLimiter } from './create-limiter.ts'
export { setEnabled } from './enabled.ts'
export type { LimiterOptions, LimitNames } from './create-limiter.ts'
export type { CallOptions, Cost, Limiter, Subject, SubjectValue, TakeOptions, WaitOptions, WaitSignal } from './limiter.ts'
export type { Decision, Mode } from './decision.ts'
export type { Observers } from './observers.ts'
export { observe } from './observe.ts'
export type { CommandEvent, EventOf, ProcessEvent, ProcessObservers } from './observe.ts'
export type { ConfiguredLimit, ObservedLimiter } from './observed-limiters.ts'
export type { DecisionFacts } from './decision-facts.ts'

// Who is limited: the parts of a subject.
export { body, cookie, header, ip, route, user } from './identity/parts.ts'
export { joinSubject } from './identity/subject.ts'
export { addressSubject } from './identity/canonical.ts'
export { matchesAddress } from './identity/matches-address.ts'
export type { AddressMatcher } from './identity/matches-address.ts'
export type { BodyOptions } from './identity/parts.ts'
export type { MissingRule } from './identity/subject.ts'
export type { KeyFunction, KeyOf, Part } from './identity/part.ts'
export type { RequestFacts } from './identity/request-facts.ts'

// Options that the adapters of all frameworks share.
export type { RequestLimiter } from './http/request-limiter.ts'
export type { RateLimitOptions, RefusalInfo, ResponseInfo, SettleInfo } from './http/options.ts'
export type { BlockFacts, RequestBlock, RequestBlockList } from './http/request-blocks.ts'
export type { RequestPolicies } from './http/request-policies.ts'
export type { DialectOptions } from './http/headers/dialect.ts'

// The store of one process, and the contract of every store.
export { memoryStore } from './memory/memory-store.ts'
export type { MemoryStoreOptions } from './memory/memory-store.ts'
export type { Charge, ConsumeOptions, FailMode, Outcome, Receipt, Source } from './store.ts'
export type { BlockChange, RegionHealth, RegionsHealth, Store, StoreError, StoreEvent, StoreHealth, StoreRefusal } from './store.ts'

// Layers: a store over a store.
export { denyCache } from './layers/deny-cache/deny-cache.ts'
export type { DenyCacheOptions } from './layers/deny-cache/deny-cache.ts'
export { leases } from './layers/leases/leases.ts'
export type { LeaseOptions } from './layers/leases/options.ts'
export type { FailoverOptions } from './layers/failover/options.ts'

// Errors: one class, and a code for each reason.
export { isSluiceError, SluiceError } from './errors.ts'
export { CODES } from './codes.ts'
// Exported with a star: otherwise the `declare module` of another package could not extend `CodeRegistry`.
export type * from './codes.ts'

// Time, and values that may be promises.
export { systemClock } from './clock.ts'
export type { Clock } from './clock.ts'
export type { MaybePromise } from './runtime.ts'
