// For authors of stores: what every store shares, so that all of them give the same verdicts.

// A whole decision: all or nothing over several charges.
export { type Decided, decide, type DecideOptions, holderOf } from './decide.ts'

// The algorithms one by one.
export type { Algorithm, RowCodec, Step, StepOptions } from './algorithm.ts'
export { algorithmOf, algorithms } from './registry.ts'

// Their states and numbers, for a store that writes them in a form of its own.
export { type BucketState, type Rate, rateOf } from './bucket.ts'
export type { ConcurrencyState, Holder } from './concurrency.ts'
export type { FixedWindowState } from './fixed-window.ts'
export type { LogEntry, SlidingLogState } from './sliding-log.ts'
export type { SlidingWindowState } from './sliding-window.ts'

// Calendar windows, for a store that must send their edges elsewhere.
export { type CalendarSpan, calendarSpan } from './calendar.ts'
