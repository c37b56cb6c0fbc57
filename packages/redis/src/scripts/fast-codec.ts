import type { Charge, ConsumeOptions } from '@sluice/core'
import { forms, type IsPacked, layOut, type Message, type WireDecision, WireLimits } from './full-codec.ts'

// The wire of lua/plain.lua: decisions that only take units, which nearly all do.

/** More charges than that are nobody's common case, and are looked at in pairs. */
const MOST_CHARGES = 8

/** Whether the short script can decide it: units are taken, each from a state of its own, and nothing else is asked. */
export function isPlain(
  charges: readonly Charge[],
  keys: readonly string[],
  leases: WireDecision['leases'],
  how: WireDecision['how'],
  options: ConsumeOptions,
): boolean {
  if (how !== 'charge' || options.atLeast !== undefined || charges.length > MOST_CHARGES) return false
  for (let i = 0; i < charges.length; i++) {
    const { limit, cost, receipt } = charges[i] as Charge
    // A calendar is computed here, for a time that may not be the server's.
    if (forms[limit.algorithm].ofThree === undefined || typeof limit.window !== 'number') return false
    if (!(cost > 0) || receipt !== undefined || leases[i] !== undefined) return false
    if (i > 0 && keys.indexOf(keys[i] as string) < i) return false
  }
  return true
}

export function encodePlain(decisions: readonly WireDecision[], nowMicros: number, isPacked: IsPacked): Message {
  const { keys: named, places, buckets } = layOut(decisions, isPacked)
  const limits = new WireLimits(0)
  const run: number[] = []
  for (const { charges, keys } of decisions) {
    run.push(charges.length)
    for (let i = 0; i < charges.length; i++) {
      const { limit, cost } = charges[i] as Charge
      run.push(limits.placeOf(limit), places.get(keys[i] as string) as number, cost)
    }
  }
  return { keys: named, argument: JSON.stringify([nowMicros, limits.wire, run, ...buckets]) }
}

/** What the script told of one decision: the states it met, absent ones `undefined`; or why it makes no sense. */
export type Told = { readonly isAllowed: boolean; readonly states: readonly unknown[] } | { readonly why: string }

// As lua/plain.lua writes them.
const ALLOWED = 0x31
const FAILED = 0x32
const BYTES_OF_STATE = 24

/** Reads what the script told, one decision after the other. */
export class PlainReader {
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** Of these charges; `undefined` when no more was told: the rest did not run. */
  next(charges: readonly Charge[]): Told | undefined {
    const { bytes } = this
    if (this.at >= bytes.length) return undefined
    const verdict = bytes[this.at++]
    if (verdict === FAILED) {
      const start = this.at + 4
      this.at = start + bytes.readUInt32BE(this.at)
      return { why: bytes.toString('utf8', start, this.at) }
    }
    const states: unknown[] = []
    for (const { limit } of charges) {
      const a = bytes.readDoubleBE(this.at)
      const isAbsent = Number.isNaN(a)
      states.push(
        isAbsent ? undefined : forms[limit.algorithm].ofThree?.(a, bytes.readDoubleBE(this.at + 8), bytes.readDoubleBE(this.at + 16)),
      )
      this.at += BYTES_OF_STATE
    }
    return { isAllowed: verdict === ALLOWED, states }
  }
}
