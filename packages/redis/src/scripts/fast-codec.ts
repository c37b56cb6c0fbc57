import type { Charge, ConsumeOptions } from '@sluice/core'
import type { Operation, PendingDecision } from '../executor.ts'
import { isThreeNumbers, stateFromBytes } from '../state/codec.ts'
import type { LeaseTerms } from '../state/leases.ts'
import type { IsPacked } from '../state/packed.ts'
import { layOut } from './key-layout.ts'
import { LimitList } from './limit-codec.ts'
import type { Message } from './script.ts'

// The request and the reply of lua/fast.lua, which decides charges that only take units. Nearly all decisions are such charges.

/** Decisions with more charges take the full path: they are rare, and the check for equal keys below is quadratic. */
const MAX_FAST_CHARGES = 8

/** Whether the fast script can decide the charges: each takes units from its own state, without any other option. */
export function isFast(
  charges: readonly Charge[],
  keys: readonly string[],
  leases: readonly (LeaseTerms | undefined)[],
  how: Operation,
  options: ConsumeOptions,
): boolean {
  if (how !== 'charge' || options.atLeast !== undefined || charges.length > MAX_FAST_CHARGES) return false
  for (let i = 0; i < charges.length; i++) {
    const { limit, cost, receipt } = charges[i] as Charge
    // This process computes calendar windows, for a time that may not be the server's. Only the full script checks that.
    if (!isThreeNumbers(limit) || typeof limit.window !== 'number') return false
    if (!(cost > 0) || receipt !== undefined || leases[i] !== undefined) return false
    if (i > 0 && keys.indexOf(keys[i] as string) < i) return false
  }
  return true
}

export function encodeFast(decisions: readonly PendingDecision[], isPacked: IsPacked): Message {
  const { keys: redisKeys, numbers, buckets } = layOut(decisions, isPacked)
  const limits = new LimitList(0)
  const encoded: number[] = []
  for (const { charges, keys } of decisions) {
    encoded.push(charges.length)
    for (let i = 0; i < charges.length; i++) {
      const { limit, cost } = charges[i] as Charge
      encoded.push(limits.indexOf(limit), numbers.get(keys[i] as string) as number, cost)
    }
  }
  return { keys: redisKeys, args: [JSON.stringify([limits.encoded, encoded, ...buckets])] }
}

/** The script's answer to one decision: its verdict and the states before it, or why the script failed on it. */
export type FastAnswer = { readonly isAllowed: boolean; readonly states: readonly unknown[] } | { readonly failure: string }

const ALLOWED = '1'.charCodeAt(0)
const FAILED = '2'.charCodeAt(0)
const BYTES_OF_STATE = 24

/** Reads the reply of lua/fast.lua, one decision after the other. */
export class FastReader {
  private readonly bytes: Buffer
  private offset = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** The answer to the next decision, which has these charges. `undefined` at the end of the reply: later decisions did not run. */
  next(charges: readonly Charge[]): FastAnswer | undefined {
    const { bytes } = this
    if (this.offset >= bytes.length) return undefined
    const verdict = bytes[this.offset++]
    if (verdict === FAILED) {
      const start = this.offset + 4
      this.offset = start + bytes.readUInt32BE(this.offset)
      return { failure: bytes.toString('utf8', start, this.offset) }
    }
    const states: unknown[] = []
    for (const { limit } of charges) {
      states.push(stateFromBytes(limit, bytes, this.offset))
      this.offset += BYTES_OF_STATE
    }
    return { isAllowed: verdict === ALLOWED, states }
  }
}
