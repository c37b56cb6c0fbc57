import { boundedKey } from '../memory/bounded-key.ts'
import { hash32 } from '../memory/hash32.ts'
import type { Charge } from '../store.ts'

/** Where a state is, whatever the numbers of its limit. */
export type Place = Pick<Charge, 'scope' | 'subject'>

/** 32 bits of a place. Not keyed: what is counted or marked under it may be another's too. */
export function hashOf({ scope, subject }: Place): number {
  return hash32(boundedKey(subject), hash32(scope))
}

/**
 * A value for a scope and a subject. Of both no text is made: the engine would have to write it, and hash it, for each look,
 * which costs more than all the rest of a decision that is made here. How long a key is has a bound that no client sets.
 */
export class Places<V> {
  private readonly scopes = new Map<string, Map<string, V>>()
  private count = 0

  get size(): number {
    return this.count
  }

  get({ scope, subject }: Place): V | undefined {
    return this.scopes.get(scope)?.get(boundedKey(subject))
  }

  /** The subject stays for as long as its value: it should be no part of a longer text. */
  set({ scope, subject }: Place, value: V): void {
    let subjects = this.scopes.get(scope)
    if (subjects === undefined) this.scopes.set(scope, (subjects = new Map()))
    const before = subjects.size
    subjects.set(boundedKey(subject), value)
    this.count += subjects.size - before
  }

  delete({ scope, subject }: Place): void {
    const subjects = this.scopes.get(scope)
    if (subjects?.delete(boundedKey(subject)) !== true) return
    this.count -= 1
    if (subjects.size === 0) this.scopes.delete(scope)
  }

  clear(): void {
    this.scopes.clear()
    this.count = 0
  }

  *values(): Generator<V> {
    for (const subjects of this.scopes.values()) yield* subjects.values()
  }
}
