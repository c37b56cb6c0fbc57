// For authors of stores and transports: the exchange of a process, its steps, and its messages.
export * from './index.ts'

// A store in its region: what `regions().attach` takes and gives.
export type { RegionEvents, RegionLink, RegionStore } from './region-store.ts'

// The exchange of a process, and what it needs of a store.
export { Exchange } from './exchange.ts'
export type { ExchangeParts, ExchangeReport } from './exchange.ts'
export type { ExchangedSubject } from './touched-keys.ts'
export type { BeatStorage, CollectKey, LedgerName, LedgerStorage, RecordSource, RegionStorage, ResetStorage } from './storage.ts'

// The steps of a store, each atomic.
export { apply, collect, reset, takenName } from './steps.ts'
export type { AppliedRecord, Changes, Collected, SubjectData, Terms } from './steps.ts'
export { takenAfter } from './buckets.ts'
export type { Taken } from './buckets.ts'
export { ledgerUntil, NO_LEDGER } from './ledger.ts'
export type { Account, Ledger, Numbers, Part } from './ledger.ts'
export { isExchangeable, shapeOf } from './shape.ts'
export type { Shape } from './shape.ts'

// What the regions know of each other.
export { Beats } from './beats.ts'
export type { BeatParts, PeerReport } from './beats.ts'
export { heartbeat, silentRegions, writtenVersion } from './heartbeat.ts'
export type { HeardRegion, Heartbeat, HeartbeatResult, RegionBook, RegionPeer } from './heartbeat.ts'
export { Resend } from './resend.ts'
export type { ResendParts } from './resend.ts'

// What names a region in ledgers.
export { regionId } from './regions.ts'

// Mode `strict`: how rights are divided, and how they move.
export { divide, hearPromises, NO_SHARES, promiseShares, restorePromises, rightsIn } from './shares.ts'
export type { ShareBook, ShareReading } from './shares.ts'
export { accept, donate, need, resetRights, transfersUntil } from './transfer.ts'
export type { Need, RightsChange, RightsData, Transfers } from './transfer.ts'
export { RightsExchange } from './rights-exchange.ts'
export type { RightsStorage } from './rights-exchange.ts'
export type { NeedAnswer, RightsKey, RightsTerms, TransferStorage } from './transfer-storage.ts'

// Messages.
export { decodeMessage, encodeMessages } from './message.ts'
export type { RegionMessage } from './message.ts'
export type { BeatRecord, CountRecord, EntryRecord, NeedRecord, OfferRecord, RegionRecord, ResendRecord, ShareTable } from './record.ts'
