import type { Charge } from '@sluice/core'
import { keysOf, type PendingDecision } from '../executor.ts'
import { type IsPacked, packedKeyOf } from '../state/packed.ts'

/** KEYS of a script, and what the decisions of the batch call each state. */
export interface KeyLayout {
  /** The keys of Redis: those of states and ledgers, then the buckets of packed states. */
  readonly keys: readonly string[]
  /** By the key of a state or ledger, its number in the script, from 1. Packed states are numbered behind all keys. */
  readonly numbers: ReadonlyMap<string, number>
  /** The packed states by bucket, as lua/packed.lua describes; empty for a store that does not pack. */
  readonly buckets: readonly [] | readonly [readonly (number | string)[]]
}

interface Bucket {
  readonly window: number
  readonly fields: (number | string)[]
  readonly stateKeys: string[]
}

export function layOut(decisions: readonly PendingDecision[], isPacked: IsPacked): KeyLayout {
  const numbers = keysOf(decisions)
  if (isPacked === undefined) return { keys: [...numbers.keys()], numbers, buckets: [] }
  const buckets = new Map<string, Bucket>()
  for (const { charges, keys } of decisions) {
    for (let i = 0; i < keys.length; i++) {
      const { limit } = charges[i] as Charge
      const stateKey = keys[i] as string
      if (!isPacked(limit) || !numbers.delete(stateKey)) continue
      const { bucket: key, field } = packedKeyOf(stateKey)
      const bucket = buckets.get(key)
      if (bucket === undefined) buckets.set(key, { window: limit.window as number, fields: [field], stateKeys: [stateKey] })
      else {
        bucket.fields.push(field)
        bucket.stateKeys.push(stateKey)
      }
    }
  }
  const keys = [...numbers.keys()]
  for (const [i, key] of keys.entries()) numbers.set(key, i + 1)
  const encoded: (number | string)[] = [buckets.size]
  let number = keys.length + buckets.size
  for (const { window, fields, stateKeys } of buckets.values()) {
    encoded.push(fields.length, window, ...fields)
    for (const stateKey of stateKeys) numbers.set(stateKey, ++number)
  }
  return { keys: [...keys, ...buckets.keys()], numbers, buckets: [encoded] }
}
