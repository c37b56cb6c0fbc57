// For authors of stores and layers, beside the contract in '@sluice/core' and the algorithms in '@sluice/core/algorithms'.

// The layers over a store, in their fixed order: deny cache, leases, failover.
export { stack } from './layers/stack.ts'
export type { StackOptions, StackParts } from './layers/stack.ts'
export type { FailoverParts, Presence } from './layers/failover/options.ts'
export type { LeaseParts } from './layers/leases/options.ts'
export type { WaitUntil } from './layers/background.ts'
// A layer from its own methods and those of the wrapped store.
export { wrapStore } from './layers/wrap-store.ts'

// The receipt of leased units that were spent, for a store that grants leases.
export { leaseOfSpent } from './layers/leases/leased-outcome.ts'

// The decisions of a store that grants leases: the terms of the charges, and the ledger beside each state.
export { checkLease, decideWithLeases, readLeases } from './layers/leases/ledger.ts'
export type { LeasedCharges, LeaseLedger, LeaseTerms, LeasingResult } from './layers/leases/ledger.ts'

// The check of a charge, before a store sends it.
export { checkReceipt, stepWithoutState } from './layers/leases/check-receipt.ts'

// Blocked subjects, for a store with `block`.
export { blockAnswers, blockChangeOf, refuseBlocked } from './blocked.ts'

// One decision over partitions, or stores, that share no atomic step.
export { consumeAcross, consumePartitions, groupByPartition } from './consume-across.ts'
export type { ChargeGroup, PartitionGroup } from './consume-across.ts'

// The parts of a scope, and what names a state, for a store that keeps the states of one policy and subject together.
export { generationIn, limiterIn, scopeOf, splitScope, stateCollision, stateIdOf, stateNameOf } from './scope.ts'
// A hash without a key, for what a client cannot gain from.
export { hash32 } from './hashing/hash32.ts'
// What stands for a subject in everything that leaves the process.
export { subjectHash } from './hashing/subject-hash.ts'

// The policy and the name of a limit, and what a decision adds to counts of usage: the same in metrics, events and boards.
export { limitNameOf, policyOf } from './charge-names.ts'
export { eachUsage, OTHER } from './usage.ts'

// The error of a charge whose generation `resetAll` has ended.
export { outdatedGeneration } from './generations.ts'

// Events of a store, for its `subscribe`.
export { Events } from './events.ts'
// Commands of a store, for `observe()`: measured and emitted only if somebody listens.
export { areCommandsHeard, beginCommand } from './observe.ts'

// The id of a concurrency holder, which a store must know before it sends the charge.
export { uniqueId } from './runtime.ts'

// A copy of a text that may be a view of a longer one, for what is kept.
export { detach } from './detach.ts'

// The functions of a clock that an application gave, completed by those of the system.
export { completeClock } from './clock.ts'

// The two moments at which a store sends what it has collected.
export { afterTurn, inMicrotask } from './clock.ts'

// Options that are durations.
export { millisOf } from './duration.ts'

// Checks of options, with the same messages in all packages, and warnings that no observer takes.
export { invalid, withCode } from './errors.ts'
export { printWarning } from './print-warning.ts'
export { knownOptions } from './known-options.ts'

// The contract of a source of policy documents, for @sluice/policies and for packages with a transport.
export type { PolicySource, PublishAnswer, Snapshot, SourceDocument, SourceEvent, SourceSignal } from './policy-source.ts'

// How a process keeps up with either of them.
export { backOff, follow, type Following, pause, WELL_AFTER } from './follow.ts'

// What a transport between regions does with the messages that it has received, and how it reports what it cannot do.
export { Deliveries, type DeliveryParts } from './deliveries.ts'
export { type TransportObservers, TransportWarnings } from './transport-warnings.ts'

// The contract of what keeps a block list, for @sluice/blocklist and for packages with a transport.
export type {
  BlockEvent,
  BlockRecord,
  BlockSnapshot,
  BlockStorage,
  BlockTarget,
  EscalationRule,
  ManualBlock,
  ReportAnswer,
  StrikeEvidence,
  StrikeReport,
  TargetHistory,
} from './block-storage.ts'
export { endpointsIn, highestLevel } from './block-storage.ts'

// Addresses as the limiters read them, for lists of addresses.
export { type Cidr, formatAddress, inCidr, bitsOfIPv4, parseAddress, parseCidr, readIPv6 } from './identity/address.ts'
export { translated } from './identity/translated.ts'
export { type Canonicalizer, canonicalizer } from './identity/canonical.ts'

// A wait that keeps the process running.
export { keptAlive } from './clock.ts'

// Values that may be promises.
export { isPromise } from './runtime.ts'
