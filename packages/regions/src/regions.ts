import { hash32 } from '@sluice/core/store-kit'
import type { Limit } from '@sluice/core'
import type { LimitExchange } from './exchanged.ts'
import type { ShareTable } from './record.ts'
import type { RegionLink, RegionStore } from './region-store.ts'
import type { RegionTransport } from './transport.ts'

/**
 * What regions promise together.
 * - `eventual`: the limit, and what is on its way.
 * - `strict`: never more than the limit in total. Above its rights a region refuses until more arrive.
 * - `local`: the limit in each region.
 */
export type RegionMode = 'eventual' | 'strict' | 'local'

/** How the regions of one policy work. */
export interface RegionPolicyOptions {
  /** What the regions promise together. Default: the `mode` of all policies. */
  readonly mode?: RegionMode
  /** `strict` only: by how much the rights of all regions together exceed the limit, as a part of it, from 0 to 1. Default: 0. */
  readonly slack?: number
  /** `strict` only: the part of its rights that a region keeps for itself, from 0 to 1. It falls to 0 at the end of a window. Default: 0. */
  readonly floor?: number
}

/** Names a region in ledgers: its place in `all` changes when another region is removed. */
export function regionId(name: string): number {
  return hash32(name)
}

/** Checked options, as a store takes them. */
export interface Regions {
  readonly self: string
  readonly all: readonly string[]
  /** The index of `self` in `all`. */
  readonly index: number
  readonly transport: RegionTransport
  /** ms */
  readonly interval: number
  readonly urgent: number
  readonly minimum: number
  /** ms */
  readonly keep: number
  /** ms */
  readonly silence: number
  readonly whenSilent: 'whole' | 'share'
  readonly shares: ShareTable | undefined
  /** Whether a policy has mode `strict`. */
  readonly hasStrict: boolean
  /** Every mode that a policy may have. */
  readonly modes: readonly RegionMode[]
  /** How the regions of a policy work. */
  policy(name: string): Required<RegionPolicyOptions>
  /** What the regions do with a limit, by the scope of its charges. */
  exchangeOf(target: { readonly scope: string; readonly limit: Limit }): LimitExchange
  /** For a store, which calls it once: links the store to the other regions. */
  attach(store: RegionStore): RegionLink
}
