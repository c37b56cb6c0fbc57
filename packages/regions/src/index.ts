// One limit over several regions, each with its own store: the records that they exchange, and what each does with them. No transport.

// The option of a store.
export { regions } from './options.ts'
export type { RegionsOptions } from './options.ts'
export type { RegionMode, RegionPolicyOptions, Regions } from './regions.ts'
export type { RegionEnvelope, RegionTransport } from './transport.ts'

export { REGION_CODES } from './codes.ts'
