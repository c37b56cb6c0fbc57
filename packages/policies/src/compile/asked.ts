import type { ClientSettings } from '../clients/settings.ts'
import type { Attributes } from '../request.ts'
import type { Known } from './match.ts'

/** A request for which a document is asked, with what is known of it so far. */
export interface Asked<C> extends Known {
  readonly context: C
  readonly attributes: Attributes
  /** What the table of clients says of the client; `undefined` where it says nothing. */
  readonly client?: ClientSettings | undefined
  /** ms since the epoch. Any number where the document reads no time. */
  readonly now: number
}
