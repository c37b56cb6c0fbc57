import { algorithmOf } from '../algorithms/registry.ts'
import type { Charge } from '../store.ts'

/** A map of at most `max` entries: the one that was set longest ago goes first. */
export class Bounded<V> extends Map<string, V> {
  private readonly max: number
  constructor(max: number) {
    super()
    this.max = max
  }

  override set(key: string, value: V): this {
    // Deleted first, or it would keep its old place in the order.
    this.delete(key)
    if (this.size >= this.max) for (const oldest of this.keys()) return (this.delete(oldest), super.set(key, value))
    return super.set(key, value)
  }

  take(key: string): V | undefined {
    const value = this.get(key)
    if (value !== undefined) this.delete(key)
    return value
  }
}

/** Longer subjects are not remembered: what clients send must not decide how much memory an outage takes. */
const LONGEST_SUBJECT = 256

/** Names a state as its store does; `undefined` for a subject that is too long to keep. */
export function stateKey({ limit, scope, subject }: Pick<Charge, 'limit' | 'scope' | 'subject'>): string | undefined {
  if (subject.length > LONGEST_SUBJECT) return undefined
  return `${placeOf(scope, algorithmOf(limit).variantOf(limit))}${subject}`
}

/** The subject in a key of `stateKey`: cut from it, so that no text is kept alive that the subject itself was cut from. */
export function subjectIn(key: string, { limit, scope }: Pick<Charge, 'limit' | 'scope'>): string {
  return key.slice(placeOf(scope, algorithmOf(limit).variantOf(limit)).length)
}

// Scopes and variants have no such character.
function placeOf(scope: string, variant: string): string {
  return `${scope}\n${variant}\n`
}
