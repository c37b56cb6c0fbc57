import type { Attributes } from '../request.ts'
import type { Known } from './match.ts'

/** A request for which a document is asked, with what is known of it so far. */
export interface Asked<C> extends Known {
  readonly context: C
  readonly attributes: Attributes
  /** ms since the epoch. */
  readonly now: number
}
