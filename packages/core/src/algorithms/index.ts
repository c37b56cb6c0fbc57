// For authors of stores: the decisions themselves, so that all stores decide alike.

// A whole decision: all or nothing over several charges.
export { decide, type DecideOptions, type DecideResult, holderOf } from './decide.ts'

// One algorithm at a time.
export type { Algorithm, RowCodec, RowReader, Step, StepOptions } from './algorithm.ts'
export { algorithmOf, algorithms } from './registry.ts'

// States and numbers of the algorithms, for a store that writes them in a format of its own.
export type { BucketState } from './bucket.ts'
export { type Rate, rateOf } from './bucket-rate.ts'
export type { ConcurrencyState } from './concurrency.ts'
export { type Holder, type Holders, holdersOf, listHolders } from './holders.ts'
export type { FixedWindowState } from './fixed-window.ts'
export { type LogEntry, listEntries, logOf, type SlidingLogState } from './log-entries.ts'
export type { SlidingWindowState } from './sliding-window.ts'

// Calendar windows, for a store that sends their edges to another process.
export { type CalendarSpan, calendarSpan, nominalLifetime, nominalWindow } from './calendar.ts'
