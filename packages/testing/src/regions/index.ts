// The checker of @sluice/regions: random histories of several regions, over its own code or a copy that lacks a rule.
export { BeatWorld, type BeatWorldOptions } from './beat-world.ts'
export { playEventual } from './history.ts'
export { playShares } from './share-history.ts'
export { playStrict } from './strict-history.ts'
export type { HistoryOptions } from './world.ts'
export { Random, SimTime } from './sim-clock.ts'
export type { RegionsModule, RegionViolation } from './types.ts'
export { type Removal, withoutRule } from './without-rule.ts'
