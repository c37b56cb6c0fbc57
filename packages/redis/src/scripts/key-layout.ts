import { keysOf, type PendingDecision } from '../executor.ts'
import type { Placement } from '../keys.ts'
import { isSet } from '../state/codec.ts'
import { lifetimeOf, packedKeyOf } from '../state/packed.ts'

/** KEYS of a script, and what the decisions of the batch call each state. */
export interface KeyLayout {
  /** The keys of Redis: those of states and ledgers, then the buckets of packed states. */
  readonly keys: readonly string[]
  /** By the key of a state or ledger, its number in the script, from 1. Packed states are numbered behind all keys. */
  readonly numbers: ReadonlyMap<string, number>
  /** How many of the states' keys are sorted sets: the last ones. They are not read with the others. */
  readonly setCount: number
  /** The packed states by bucket, as lua/packed.lua describes; empty for a store that does not pack. */
  readonly buckets: readonly [] | readonly [readonly (number | string)[]]
}

interface Bucket {
  readonly window: number
  /** How long a state lives, in ms. */
  readonly lifetime: number
  readonly fields: (number | string)[]
  readonly stateKeys: string[]
}

export function layOut(decisions: readonly PendingDecision[], isPacking: boolean, mayHaveSets: boolean): KeyLayout {
  const numbers = keysOf(decisions)
  const setCount = mayHaveSets ? moveSets(decisions, numbers) : 0
  if (!isPacking) return { keys: [...numbers.keys()], setCount, numbers, buckets: [] }
  const buckets = new Map<string, Bucket>()
  for (const { keys, placements } of decisions) {
    for (let i = 0; i < keys.length; i++) {
      const { limit, isPacked } = placements[i] as Placement
      const stateKey = keys[i] as string
      if (!isPacked || !numbers.delete(stateKey)) continue
      const { bucket: key, field } = packedKeyOf(stateKey)
      const bucket = buckets.get(key)
      if (bucket === undefined) {
        const window = limit.window as number
        buckets.set(key, { window, lifetime: lifetimeOf(limit.algorithm, window), fields: [field], stateKeys: [stateKey] })
      } else {
        bucket.fields.push(field)
        bucket.stateKeys.push(stateKey)
      }
    }
  }
  const keys = [...numbers.keys()]
  for (const [i, key] of keys.entries()) numbers.set(key, i + 1)
  const encoded: (number | string)[] = [buckets.size]
  let number = keys.length + buckets.size
  for (const { window, lifetime, fields, stateKeys } of buckets.values()) {
    encoded.push(fields.length, window, lifetime, ...fields)
    for (const stateKey of stateKeys) numbers.set(stateKey, ++number)
  }
  return { keys: [...keys, ...buckets.keys()], setCount, numbers, buckets: [encoded] }
}

/** Moves the keys of sorted sets to the end, and returns how many there are. */
function moveSets(decisions: readonly PendingDecision[], numbers: Map<string, number>): number {
  const sets = new Set<string>()
  for (const { keys, placements, how } of decisions) {
    if (how === 'block') continue
    for (let i = 0; i < keys.length; i++) if (isSet((placements[i] as Placement).limit)) sets.add(keys[i] as string)
  }
  if (sets.size === 0) return 0
  for (const key of sets) numbers.delete(key)
  for (const key of sets) numbers.set(key, 0)
  let number = 0
  for (const key of numbers.keys()) numbers.set(key, ++number)
  return sets.size
}
