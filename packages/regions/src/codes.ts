/** Every code that this package adds to those of `@sluice/core`. Each has a section of its name in docs/errors.md. */
export const REGION_CODES = [
  // Rejects the decisions of a store whose data is that of other regions.
  'ERR_REGIONS_CHANGED',
  // Rejects a decision over a limit that regions cannot exchange.
  'ERR_REGIONS_UNSUPPORTED',
  // Emitted once by a store, to `on.warning` or the console.
  'WARN_REGIONS_WINDOW',
  'WARN_REGIONS_FAIL_MODE',
  // Reported to `anomaly` of an exchange.
  'ANOMALY_REGION_MESSAGE',
  'ANOMALY_REGION_CLOCK',
] as const

declare module '@sluice/core' {
  interface CodeRegistry {
    readonly regions: (typeof REGION_CODES)[number]
  }
}
