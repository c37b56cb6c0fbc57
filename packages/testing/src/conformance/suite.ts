import type { Charge, Clock, ConsumeOptions, Limit, MaybePromise, Outcome, Store } from '@sluice/core'
import { isPromise } from '@sluice/core/store-kit'
import { test } from 'vitest'
import { type FakeClock, fakeClock } from '../fake-clock.ts'

export interface StoreUnderTest {
  /** A fresh, empty store that tells time by this clock. Called once for each test. */
  make(clock: Clock): MaybePromise<Store>
  /** Puts away what `make` made; default: the store's own `close`. */
  close?: ((store: Store) => MaybePromise<void>) | undefined
  /** False for a store that tells time by itself: then what needs a clock is left out. Default true. */
  clockable?: boolean | undefined
}

/** One store and its clock, in one test. */
export interface Bench {
  readonly store: Store
  readonly clock: FakeClock
  consume(charges: readonly Charge[], options?: ConsumeOptions): Promise<readonly (Outcome | undefined)[]>
  /** One charge that is known to be looked at. */
  one(charge: Charge, options?: ConsumeOptions): Promise<Outcome>
  peek(charge: Charge): Promise<Outcome>
  /** Every field that tells of the state, for these charges: equal before and after what changes nothing. */
  state(...charges: Charge[]): Promise<unknown>
  /** The code with which it is refused; fails when it is not. */
  errorOf(charges: readonly Charge[], options?: ConsumeOptions): Promise<unknown>
}

/** The tests of one store: each has a name, and runs with a bench of its own. */
export interface Suite {
  test(name: string, run: (bench: Bench) => Promise<void>): void
  /** A test that moves the clock. */
  timed(name: string, run: (bench: Bench) => Promise<void>): void
}

export function suiteOf(under: StoreUnderTest): Suite {
  const register = (name: string, run: (bench: Bench) => Promise<void>): void => {
    test(name, async () => {
      const clock = fakeClock()
      const made = under.make(clock)
      const store = isPromise(made) ? await made : made
      try {
        await run(benchOf(store, clock))
      } finally {
        await (under.close === undefined ? store.close?.() : under.close(store))
      }
    })
  }
  return { test: register, timed: under.clockable === false ? () => undefined : register }
}

function benchOf(store: Store, clock: FakeClock): Bench {
  const bench: Bench = {
    store,
    clock,
    consume: async (charges, options) => store.consume(charges, options),
    async one(charge, options) {
      const [outcome] = await store.consume([charge], options)
      if (outcome === undefined) throw new Error('the only charge of a decision has no outcome')
      return outcome
    },
    peek: (charge) => bench.one(charge, { how: 'peek' }),
    async state(...charges) {
      const outcomes = await Promise.all(charges.map((charge) => bench.peek({ ...charge, cost: 1, receipt: undefined })))
      return outcomes.map(({ at: _at, ...told }) => told)
    },
    async errorOf(charges, options) {
      try {
        await store.consume(charges, options)
      } catch (error) {
        return (error as { code?: unknown }).code
      }
      throw new Error('expected it to be refused with an error')
    },
  }
  return bench
}

/** A charge to `alice`, in a scope of the limit's own. */
export function charge(limit: Limit, cost: number = 1, more: Partial<Charge> = {}): Charge {
  return { limit, scope: `policy/${limit.name}/${limit.algorithm}`, subject: 'alice', cost, ...more }
}

/** What gives these units of an outcome back. */
export function giveBack(taken: Charge, outcome: Outcome, units: number = outcome.granted): Charge {
  return { ...taken, cost: -units, receipt: outcome.receipt }
}
