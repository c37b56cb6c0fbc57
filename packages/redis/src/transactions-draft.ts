import type { Charge, Limit, Outcome } from '@sluice/core'
import { decide } from '@sluice/core/algorithms'
import type { Write } from './transactions-session.ts'
import { decodeKept, encodeKept } from './transactions-states.ts'
import type { WireDecision } from './wire.ts'

/** With `clock`, ms that a state lives at least: never by the time of a test. */
const SHORTEST_LIFE = 60_000

export type Answer = { readonly outcomes: readonly Outcome[] } | { readonly error: unknown }

/** The states of a batch as its decisions leave them, one after the other; written all at once. */
export class Draft {
  readonly keys: readonly string[]
  unreadable = 0
  private readonly values = new Map<string, Buffer | null>()
  private readonly states = new Map<string, unknown>()
  /** What was changed, and the limit under which it is kept; `undefined`: it is reset. */
  private readonly changed = new Map<string, Limit | undefined>()
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

  answer({ charges, keys, how, options, holder }: WireDecision): Answer {
    if (how === 'reset') {
      for (const key of keys) {
        this.states.set(key, undefined)
        this.changed.set(key, undefined)
      }
      return { outcomes: [] }
    }
    const met = charges.map(({ limit }, i) => this.load(keys[i] as string, limit))
    try {
      const told = { ...options, source: 'redis', holder: holder === '' ? undefined : holder }
      const { outcomes, states = [] } = decide(charges, keys, met, this.now, told)
      for (const [i, state] of states.entries()) {
        if (state === undefined) continue
        this.states.set(keys[i] as string, state)
        this.changed.set(keys[i] as string, (charges[i] as Charge).limit)
      }
      return { outcomes }
    } catch (error) {
      // A bad one does not spoil its neighbours.
      return { error }
    }
  }

  writes(): readonly Write[] {
    return [...this.changed].map(([key, limit]): Write => {
      if (limit === undefined) return { key, value: undefined }
      const { value, expires } = encodeKept(this.states.get(key), limit, this.now)
      const millis = Math.floor(this.now / 1000)
      if (this.isFaked) return { key, value, expiry: 'PX', ms: Math.max(SHORTEST_LIFE, expires - millis) }
      if (expires * 1000 <= this.now) return { key, value: undefined }
      return { key, value, expiry: 'PXAT', ms: expires }
    })
  }

  private load(key: string, limit: Limit): unknown {
    if (this.states.has(key)) return this.states.get(key)
    const value = this.values.get(key) ?? null
    const state = value === null ? undefined : decodeKept(limit, value)
    if (value !== null && state === undefined) this.unreadable += 1
    this.states.set(key, state)
    return state
  }
}
