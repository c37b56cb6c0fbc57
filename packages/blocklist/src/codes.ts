/** Every code that this package adds to those of `@sluice/core`. Each has a section of its name in docs/errors.md. */
export const BLOCKLIST_CODES = [
  // Thrown by block().
  'ERR_BLOCK_ALLOWED',
  'ERR_BLOCKS_FULL',
  // Emitted once for each outage, and once at its end.
  'WARN_BLOCKS_AWAY',
  'WARN_BLOCKS_BACK',
  // Emitted to `on.anomaly`, at most once a minute.
  'ANOMALY_BLOCKS_OVER_BUDGET',
  'ANOMALY_BLOCKS_FULL',
] as const

declare module '@sluice/core' {
  interface CodeRegistry {
    readonly blocklist: (typeof BLOCKLIST_CODES)[number]
  }
}
