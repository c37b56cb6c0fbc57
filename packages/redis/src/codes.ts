/** Every code that this package adds to those of `@sluice/core`. Each has a section of its name in docs/errors.md. */
export const REDIS_CODES = [
  // Thrown by a store whose data was written with other partitions.
  'ERR_PARTITIONS_CHANGED',
  // Emitted once, to `on.warning` or the console.
  'WARN_CLIENT_RETRIES',
  'WARN_EVICTION',
  'WARN_PACKED_ENTRIES',
  // Emitted to `on.anomaly`.
  'ANOMALY_STATE_UNREADABLE',
  'ANOMALY_VERDICT',
] as const

declare module '@sluice/core' {
  interface CodeRegistry {
    readonly redis: (typeof REDIS_CODES)[number]
  }
}
