// For authors of stores and layers. With '@sluice/core/algorithms' it is all that a store needs beside the contract in '@sluice/core'.

// The layers over a store, in their fixed order: deny cache, leases, failover.
export { stack } from './layers/stack.ts'
export type { StackOptions, StackParts } from './layers/stack.ts'
export type { FailoverParts, Presence } from './layers/failover/options.ts'

// One decision over partitions, or stores, that share no atomic step.
export { consumeAcross, consumePartitions, groupByPartition } from './consume-across.ts'
export type { ChargeGroup, PartitionGroup } from './consume-across.ts'

// Events of a store, for its `subscribe`.
export { Events } from './events.ts'

// The id of a concurrency holder, which a store must know before it sends the charge.
export { uniqueId } from './runtime.ts'

// The two moments at which a store sends what it has collected.
export { afterTurn, inMicrotask } from './clock.ts'

// Options are checked, and refused, in one wording.
export { invalid } from './errors.ts'
export { knownOptions } from './known-options.ts'

// Values that may be promises.
export { isPromise } from './runtime.ts'
