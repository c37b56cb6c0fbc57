import type { Clock, MaybePromise } from '@sluice/core'
import type { LimiterEngine } from '@sluice/core/adapter-kit'
import type { ClientDirectory } from '../clients/client-directory.ts'
import type { ClientRow } from '../clients/client-table.ts'
import type { ClientSettings } from '../clients/settings.ts'
import type { Asked } from '../compile/asked.ts'
import type { Revision } from '../compile/revision.ts'
import type { Selection } from '../compile/select.ts'
import type { LimitSets } from './limit-sets.ts'
import type { Viewed } from './viewed.ts'

/** A revision in force, with what requests of it need. A request keeps the one that it began with. */
export interface InForce {
  readonly revision: Revision<Viewed>
  readonly sets: LimitSets
  settingsOf(this: void, row: ClientRow): ClientSettings
}

/** What all mounts of a namespace share. */
export interface Deciding {
  readonly engine: LimiterEngine
  readonly clients: ClientDirectory | undefined
  readonly clock: Clock
  readonly ipv6Prefix: number | undefined
  /** Replaced as a whole by each revision. */
  readonly current: InForce
}

/** A request with the revision that decides it, and what that says. */
export interface Selected {
  readonly inForce: InForce
  readonly asked: Asked<Viewed>
  readonly selection: Selection<Viewed>
}

/** Finds what the revision in force says about a request. */
export interface Selecting<C> {
  select(context: C): MaybePromise<Selected>
  address(context: C): string | undefined
}
