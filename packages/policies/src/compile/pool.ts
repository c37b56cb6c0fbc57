import type { KeyOf, LimitRule } from '@sluice/core'
import type { SubjectSpec } from '../document.ts'

/**
 * Keeps the limits and the keys of a document, so that those which the next revision leaves as they are stay the same objects: what stores
 * and headers know of a limit, they find by the object. What two revisions in a row do not use is dropped.
 */
export class Pool {
  private rules = new Map<string, LimitRule>()
  private keys = new Map<string, KeyOf<any>>()
  private previousRules = this.rules
  private previousKeys = this.keys

  /** Begins the next revision. */
  next(): void {
    this.previousRules = this.rules
    this.previousKeys = this.keys
    this.rules = new Map()
    this.keys = new Map()
  }

  rule(made: LimitRule): LimitRule {
    return kept(this.rules, this.previousRules, JSON.stringify(made.limit), () => made)
  }

  key<C>({ parts }: SubjectSpec, make: () => KeyOf<C>): KeyOf<C> {
    return kept<KeyOf<C>>(this.keys, this.previousKeys, JSON.stringify(parts), make)
  }
}

/** Numbers of overrides and of tables are added while a revision is in force, so what is kept has a bound. */
const MAX_KEPT = 20_000

function kept<T>(current: Map<string, T>, previous: ReadonlyMap<string, T>, id: string, make: () => T): T {
  const known = current.get(id) ?? previous.get(id) ?? make()
  if (current.size >= MAX_KEPT) current.clear()
  current.set(id, known)
  return known
}
