import type { Chart } from './chart.ts'
import type { Settings } from './rounds.ts'

/** A promise about a measure, and whether it was kept in this run. */
export interface Bar {
  readonly what: string
  /** The measure must be `at least` or `at most` the bar. */
  readonly must: 'at least' | 'at most'
  readonly bar: number
  readonly got: number
  readonly unit?: string
}

export interface Table {
  readonly title?: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | number)[])[]
}

/** What a group of rows found. */
export interface Report {
  readonly tables: readonly Table[]
  readonly bars: readonly Bar[]
  readonly charts?: readonly Chart[]
  /** Everything measured, for the file. */
  readonly data: unknown
}

export interface Group {
  readonly name: string
  readonly title: string
  /** What is compared, in a sentence or two. */
  readonly about: string
  /** Rounds and ms a turn: in full, and quick. */
  readonly full: readonly [rounds: number, ms: number]
  readonly quick: readonly [rounds: number, ms: number]
  /** Only in the full run, or by name. */
  readonly isLong?: true
  readonly run: (settings: Settings) => Promise<Report>
}

export function isReached({ must, bar, got }: Bar): boolean {
  return must === 'at least' ? got >= bar : got <= bar
}
