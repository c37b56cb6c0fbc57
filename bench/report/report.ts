import type { Settings } from '../measure/rounds.ts'
import type { Chart } from './chart.ts'

/** A value that this project set out to reach, and what this run measured. */
export interface Target {
  readonly what: string
  /** On which side of the target the measured value must be. */
  readonly must: 'at least' | 'at most'
  readonly target: number
  readonly measured: number
  readonly unit?: string
  /** With `--gate`, the run fails where it is missed. */
  readonly isGate?: true
}

export interface Table {
  readonly title?: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | number)[])[]
}

/** The results of a group. */
export interface Report {
  readonly tables: readonly Table[]
  readonly targets: readonly Target[]
  readonly charts?: readonly Chart[]
  /** Every sample, for results/<group>.json. */
  readonly data: unknown
}

/** Contenders that are compared with each other. */
export interface Group {
  readonly name: string
  readonly title: string
  /** What is compared, in a sentence or two. */
  readonly about: string
  /** In a full run. */
  readonly full: readonly [rounds: number, ms: number]
  /** With `--quick`. */
  readonly quick: readonly [rounds: number, ms: number]
  /** A long group is not part of `--quick`, unless it is named. */
  readonly isLong?: true
  readonly run: (settings: Settings) => Promise<Report>
}

export function isReached({ must, target, measured }: Target): boolean {
  return must === 'at least' ? measured >= target : measured <= target
}
