/** The numbers of a state: until when it counts (µs), then two more. Only the second may be below 0. */
export type Numbers = readonly [first: number, second: number, third: number]

/** What another region has counted, as this region has applied it. */
export interface Part {
  /** The id of the region. */
  readonly region: number
  /** The version of its last record that was applied to this state. Records of other processes may have other states. */
  readonly version: number
  /** Windows: until when its window counts (µs). Buckets: the birth of its bucket (µs). */
  readonly first: number
  /** Units. Windows: of that window. Buckets: since the birth. */
  readonly units: number
  /** Sliding windows: units of the window before. */
  readonly before: number
  /** When the region sent this: ms, by its clock. */
  readonly at: number
}

/** What a region knows of one state beside the state itself. */
export interface Account {
  /** Windows: until when the window counts (µs). Buckets: the birth of the bucket when it was published last (µs). */
  readonly first: number
  /** Units in the state that other regions have put there. 0 for buckets. */
  readonly foreign: number
  /** Sliding windows: the same for the window before. */
  readonly foreignBefore: number
  /** This region's units when they were published last. */
  readonly published: number
  readonly publishedBefore: number
  /** The latest reset (µs); 0 for none. It concerns the windows that had begun by then. */
  readonly reset: number
  readonly publishedReset: number
  /** When it was published last: µs; 0 for never. Another process may publish other states of the subject. */
  readonly publishedAt: number
  readonly parts: readonly Part[]
  /** µs until which this must be kept. */
  readonly until: number
}

/** What a region keeps beside the value of a policy and subject. */
export interface Ledger {
  /** The version of the last record that this region published. */
  readonly version: number
  /** By name of the state. */
  readonly accounts: ReadonlyMap<string, Account>
}

export const NO_LEDGER: Ledger = { version: 0, accounts: new Map() }

export const NO_ACCOUNT: Account = {
  first: 0,
  foreign: 0,
  foreignBefore: 0,
  published: 0,
  publishedBefore: 0,
  reset: 0,
  publishedReset: 0,
  publishedAt: 0,
  parts: [],
  until: 0,
}

/** The ledger with other accounts. Accounts that nothing needs any more are left out. */
export function withAccounts(ledger: Ledger, changed: ReadonlyMap<string, Account>, now: number): Ledger {
  const accounts = new Map([...ledger.accounts, ...changed])
  for (const [text, { until }] of accounts) if (until < now && !changed.has(text)) accounts.delete(text)
  return { ...ledger, accounts }
}

/** The ledger without accounts that have ended. They may still be in a store that keeps the ledger for the others. */
export function liveLedger(ledger: Ledger, now: number): Ledger {
  return withAccounts(ledger, new Map(), now)
}

/** The µs until which a ledger must be kept: that of its latest account. */
export function ledgerUntil({ accounts }: Ledger): number {
  let latest = 0
  for (const { until } of accounts.values()) latest = Math.max(latest, until)
  return latest
}

/** Part of this region; `undefined` if nothing came from it. */
export function partOf(parts: readonly Part[], region: number): Part | undefined {
  return parts.find((part) => part.region === region)
}

export function withPart(parts: readonly Part[], part: Part): readonly Part[] {
  return [...parts.filter(({ region }) => region !== part.region), part]
}
