// A block list, for `rateLimit({ blockList })` of every framework.
export { type BlockList, blockList } from './block-list.ts'
export type { AllowOptions, BlockListObservers, BlockListOptions, BlockOptions, BlockRule } from './options.ts'
export type { Target } from './target.ts'

// What a list says: its entries, why there is one, what changes, and how it is.
export type { BlockAction, BlockChange, BlockListHealth } from './changes.ts'
export type { BlockAnswer } from './local-set.ts'
export type { Why } from './why.ts'
export type { BlockRecord, BlockTarget, StrikeEvidence } from '@sluice/core/store-kit'
export type { ReadFacts } from './strikes/attribution.ts'

// Where a list is kept: the memory of this process, and the contract of every storage.
export { memoryBlockStorage, type MemoryBlockStorageOptions } from './memory-storage.ts'
export type { BlockStorage } from '@sluice/core/store-kit'

// Every code that this package adds to those of @sluice/core.
export { BLOCKLIST_CODES } from './codes.ts'
