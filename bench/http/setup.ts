import type { Store } from '@sluice/core'

/** What runs in front of the one route of a server. */
export type Setup =
  /** Nothing: the framework alone. */
  | 'bare'
  /** The five headers of Sluice, set from constants. */
  | 'by hand'
  /** Sluice with its defaults. */
  | 'sluice'
  /** Sluice with the headers that the peer sets. */
  | 'sluice as the peer'
  /** The peer with its defaults. */
  | 'peer'

/** Where the states are. */
export interface Backing {
  /** The store of Sluice. Without one, its memory store. */
  readonly store: Store | undefined
  /** The Redis of the peer. Without one, the memory of the peer. */
  readonly url: string | undefined
}

/** Starts a server on a free port of this machine, and returns the port. */
export type Serve = (setup: Setup, backing: Backing) => Promise<number>

export const BODY = '{"ok":true}'
export const LIMIT = 1_000_000
export const WINDOW = '1h'
export const WINDOW_MS = 3_600_000
export const HOST = '127.0.0.1'

/** The headers that Sluice sets on an admitted request, with values of the same length. */
export const BY_HAND = [
  ['RateLimit-Policy', '"default";q=1000000;w=3600'],
  ['RateLimit', '"default";r=999999;t=1'],
  ['X-RateLimit-Limit', '1000000'],
  ['X-RateLimit-Remaining', '999999'],
  ['X-RateLimit-Reset', '1795301586'],
] as const
