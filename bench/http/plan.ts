import type { Store } from '@sluice/core'

/** One server: a framework with what stands in front of the one route. */
export type Plan =
  /** Nothing. */
  | 'bare'
  /** Sluice's five headers, set by hand from constants. */
  | 'by hand'
  /** Sluice as it comes. */
  | 'sluice'
  /** Sluice with the peer's header set. */
  | 'sluice as the peer'
  /** The peer as it comes. */
  | 'peer'

/** Where the counters are. */
export interface Backing {
  /** Sluice's store; without one, its own memory. */
  readonly store: Store | undefined
  /** Redis, for the peer; without it, its own memory. */
  readonly url: string | undefined
}

/** Starts a server on any free port of this machine, and tells which. */
export type Serve = (plan: Plan, backing: Backing) => Promise<number>

export const BODY = '{"ok":true}'
export const LIMIT = 1_000_000
export const WINDOW = '1h'
export const WINDOW_MS = 3_600_000
export const HOST = '127.0.0.1'

/** What Sluice sets on an admitted request, of a length that it would have. */
export const BY_HAND = [
  ['RateLimit-Policy', '"default";q=1000000;w=3600'],
  ['RateLimit', '"default";r=999999;t=1'],
  ['X-RateLimit-Limit', '1000000'],
  ['X-RateLimit-Remaining', '999999'],
  ['X-RateLimit-Reset', '1795301586'],
] as const
