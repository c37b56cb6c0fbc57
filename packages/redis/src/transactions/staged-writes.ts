import type { Charge, Outcome } from '@sluice/core'
import type { PendingDecision } from '../executor.ts'
import { decodeLedger, decodeState, encodeLedger, encodeState, type StoredState } from '../state/codec.ts'
import { decideWithLeases, leasesKey, type Ledger } from '../state/leases.ts'
import type { Write } from './session.ts'

/** ms that a key lives at least under a clock for tests: Redis must not expire it by that clock. */
const MIN_TEST_LIFETIME = 60_000

export type TransactionAnswer = { readonly outcomes: readonly Outcome[] } | { readonly error: unknown }

/** Decides the decisions of a batch one after the other, and collects what they change until it is written in one transaction. */
export class StagedWrites {
  /** How many values could not be read. */
  unreadable = 0
  private readonly values = new Map<string, Buffer | null>()
  private readonly states = new Map<string, unknown>()
  /** By key, the encoder of a state that was changed; `undefined` for a state that was reset. */
  private readonly changes = new Map<string, (() => StoredState) | undefined>()
  private readonly now: number
  private readonly isTestClock: boolean

  /** The values are those under the keys, and `now` is in µs. */
  constructor(keys: readonly string[], values: readonly (Buffer | null)[], now: number, isTestClock: boolean) {
    for (const [i, key] of keys.entries()) this.values.set(key, values[i] ?? null)
    this.now = now
    this.isTestClock = isTestClock
  }

  decide(decision: PendingDecision): TransactionAnswer {
    const { charges, keys, how, options, holder } = decision
    if (how === 'reset') {
      for (const key of keys) {
        this.states.set(key, undefined)
        this.changes.set(key, undefined)
      }
      return { outcomes: [] }
    }
    const current = charges.map(({ limit }, i) => this.load(keys[i] as string, (value) => decodeState(limit, value)))
    try {
      const stepOptions = { ...options, source: 'redis', holder: holder === '' ? undefined : holder }
      const { outcomes, states = [], ledgers } = decideWithLeases(decision, current, this.ledgersOf(decision), this.now, stepOptions)
      for (const [i, state] of states.entries()) {
        if (state !== undefined) this.change(keys[i] as string, state, () => encodeState(state, (charges[i] as Charge).limit, this.now))
      }
      for (const [key, { ledger, ttl }] of ledgers) this.change(key, ledger, () => encodeLedger(ledger, ttl, this.now))
      return { outcomes }
    } catch (error) {
      // A decision that fails must not reject the others of its batch.
      return { error }
    }
  }

  writes(): readonly Write[] {
    return [...this.changes].map(([key, encode]): Write => {
      if (encode === undefined) return { key, value: undefined }
      const { value, expires } = encode()
      const millis = Math.floor(this.now / 1000)
      if (this.isTestClock) return { key, value, expiry: 'PX', ms: Math.max(MIN_TEST_LIFETIME, expires - millis) }
      if (expires * 1000 <= this.now) return { key, value: undefined }
      return { key, value, expiry: 'PXAT', ms: expires }
    })
  }

  private change(key: string, state: unknown, encode: () => StoredState): void {
    this.states.set(key, state)
    this.changes.set(key, encode)
  }

  private ledgersOf({ keys, leases }: PendingDecision): ReadonlyMap<string, Ledger> {
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
