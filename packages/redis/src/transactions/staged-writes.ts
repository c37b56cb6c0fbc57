import type { Charge, Outcome } from '@sluice/core'
import { leasesKey } from '../keys.ts'
import { decideLeasing, type Ledger } from '../state/leases.ts'
import type { Write } from './session.ts'
import { decodeKept, decodeLedger, encodeKept, encodeLedger, type Kept } from '../state/codec.ts'
import type { WireDecision } from '../scripts/full-codec.ts'

/** With `clock`, ms that a state lives at least: never by the time of a test. */
const SHORTEST_LIFE = 60_000

export type Answer = { readonly outcomes: readonly Outcome[] } | { readonly error: unknown }

/** The states of a batch as its decisions leave them, one after the other; written all at once. */
export class Draft {
  readonly keys: readonly string[]
  unreadable = 0
  private readonly values = new Map<string, Buffer | null>()
  private readonly states = new Map<string, unknown>()
  /** What was changed, as it is kept; `undefined`: it is reset. */
  private readonly changed = new Map<string, (() => Kept) | undefined>()
  private now = 0
  private isFaked = false

  constructor(keys: readonly string[]) {
    this.keys = keys
  }

  begin(values: readonly (Buffer | null)[], now: number, isFaked: boolean): void {
    for (const [i, key] of this.keys.entries()) this.values.set(key, values[i] ?? null)
    this.now = now
    this.isFaked = isFaked
  }

  answer(decision: WireDecision): Answer {
    const { charges, keys, how, options, holder } = decision
    if (how === 'reset') {
      for (const key of keys) {
        this.states.set(key, undefined)
        this.changed.set(key, undefined)
      }
      return { outcomes: [] }
    }
    const met = charges.map(({ limit }, i) => this.load(keys[i] as string, (value) => decodeKept(limit, value)))
    try {
      const told = { ...options, source: 'redis', holder: holder === '' ? undefined : holder }
      const { outcomes, states = [], ledgers } = decideLeasing(decision, met, this.ledgers(decision), this.now, told)
      for (const [i, state] of states.entries()) {
        if (state !== undefined) this.change(keys[i] as string, state, () => encodeKept(state, (charges[i] as Charge).limit, this.now))
      }
      for (const [key, { ledger, ttl }] of ledgers) this.change(key, ledger, () => encodeLedger(ledger, ttl, this.now))
      return { outcomes }
    } catch (error) {
      // A bad one does not spoil its neighbours.
      return { error }
    }
  }

  writes(): readonly Write[] {
    return [...this.changed].map(([key, kept]): Write => {
      if (kept === undefined) return { key, value: undefined }
      const { value, expires } = kept()
      const millis = Math.floor(this.now / 1000)
      if (this.isFaked) return { key, value, expiry: 'PX', ms: Math.max(SHORTEST_LIFE, expires - millis) }
      if (expires * 1000 <= this.now) return { key, value: undefined }
      return { key, value, expiry: 'PXAT', ms: expires }
    })
  }

  private change(key: string, state: unknown, kept: () => Kept): void {
    this.states.set(key, state)
    this.changed.set(key, kept)
  }

  private ledgers({ keys, leases }: WireDecision): ReadonlyMap<string, Ledger> {
    const ledgers = new Map<string, Ledger>()
    for (const [i, terms] of leases.entries()) {
      const key = leasesKey(keys[i] as string)
      const ledger = terms === undefined ? undefined : (this.load(key, decodeLedger) as Ledger | undefined)
      if (ledger !== undefined) ledgers.set(key, ledger)
    }
    return ledgers
  }

  private load(key: string, decode: (value: Buffer) => unknown): unknown {
    if (this.states.has(key)) return this.states.get(key)
    const value = this.values.get(key) ?? null
    const state = value === null ? undefined : decode(value)
    if (value !== null && state === undefined) this.unreadable += 1
    this.states.set(key, state)
    return state
  }
}
