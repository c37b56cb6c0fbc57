import type { Limit } from '../../limit.ts'
import type { Charge } from '../../store.ts'
import { Bounded, stateKey, subjectIn } from '../bounded.ts'

/** What the local tier has taken in place of a shard, of one subject under one limit. */
export interface Taken {
  readonly limit: Limit
  readonly scope: string
  readonly subject: string
  readonly units: number
}
type Entry = Omit<Taken, 'subject'>

/** What is owed to the store when it is back. Bounded: of more subjects, those touched longest ago are forgotten. */
export class Ledger {
  private readonly entries: Bounded<Entry>
  constructor(max: number) {
    this.entries = new Bounded(max)
  }

  get size(): number {
    return this.entries.size
  }

  /** Adds what was taken, or with `units < 0` what was given back of it. */
  add(charge: Charge, units: number): void {
    const key = stateKey(charge)
    if (key === undefined || units === 0) return
    const sum = (this.entries.get(key)?.units ?? 0) + units
    if (sum > 0) this.entries.set(key, { limit: charge.limit, scope: charge.scope, units: sum })
    else this.entries.delete(key)
  }

  forget(target: Pick<Charge, 'limit' | 'scope' | 'subject'>): void {
    this.entries.delete(stateKey(target) ?? '')
  }

  /** Up to `most` of what is owed, which is owed no longer. */
  take(most: number): readonly Taken[] {
    const taken: Taken[] = []
    for (const [key, entry] of this.entries) {
      if (taken.length === most) break
      this.entries.delete(key)
      taken.push({ ...entry, subject: subjectIn(key, entry) })
    }
    return taken
  }
}
