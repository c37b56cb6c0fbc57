// What is measured: regions, their interval, and the way between them.

export interface Setting {
  readonly regions: number
  /** ms between two exchanges of a process. */
  readonly interval: number
  /** ms that the proxy between two regions delays each reply. */
  readonly way: number
}

/** One client, and how its requests come. */
export interface Pattern {
  readonly name: string
  /** Requests in a window, as a multiple of the limit. In `at once`, of each region. */
  readonly demand: number
  readonly kind: 'one region' | 'evenly' | 'at once'
}

export const PATTERNS: readonly Pattern[] = [
  { name: 'one region, 2 ×', demand: 2, kind: 'one region' },
  { name: 'evenly, 2 ×', demand: 2, kind: 'evenly' },
  { name: 'evenly, 10 ×', demand: 10, kind: 'evenly' },
  { name: 'at once in each', demand: 1, kind: 'at once' },
]

/** All combinations of the page, in groups that are measured at the same time. */
export const GROUPS: readonly (readonly Setting[])[] = [300, 1_000, 5_000].map((interval) =>
  [2, 3].flatMap((regions) => [5, 150, 500].map((way) => ({ regions, interval, way }))),
)
