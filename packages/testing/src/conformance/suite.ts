import type { Charge, Clock, ConsumeOptions, Limit, MaybePromise, Outcome, Store } from '@sluice/core'
import { isPromise } from '@sluice/core/store-kit'
import { expect, test } from 'vitest'
import { type FakeClock, fakeClock } from '../fake-clock.ts'

/** How storeConformance() gets the stores that it tests. */
export interface StoreUnderTest {
  /** Creates a new, empty store that reads time from this clock. Called once for each test. */
  make(clock: Clock): MaybePromise<Store>
  /** Disposes of a store that `make` created. Default: the store's own `close`. */
  close?: ((store: Store) => MaybePromise<void>) | undefined
  /** False for a store that uses its own clock: tests that move the clock are then not registered. Default true. */
  acceptsClock?: boolean | undefined
  /** False for a store without `resetAll`: the test is then that the limiter refuses it. Default true. */
  resetsAll?: boolean | undefined
}

/** One store with its clock, and shorthands for one test. */
export interface Harness {
  readonly store: Store
  readonly clock: FakeClock
  consume(charges: readonly Charge[], options?: ConsumeOptions): Promise<readonly (Outcome | undefined)[]>
  /** Consumes a single charge, whose outcome can never be missing. */
  consumeOne(charge: Charge, options?: ConsumeOptions): Promise<Outcome>
  peek(charge: Charge): Promise<Outcome>
  /** Every observable field of these charges' states. Equal before and after a call means that the call changed nothing. */
  state(...charges: Charge[]): Promise<unknown>
  /** The code of the error that `consume` throws. Fails where it throws none. */
  errorCodeOf(charges: readonly Charge[], options?: ConsumeOptions): Promise<unknown>
}

/** Registers tests of one store. Each test gets a new harness. */
export interface Suite {
  test(name: string, run: (harness: Harness) => Promise<void>): void
  /** A test that moves the clock. Not registered for a store that uses its own clock. */
  testWithClock(name: string, run: (harness: Harness) => Promise<void>): void
}

export function suiteOf(under: StoreUnderTest): Suite {
  const register = (name: string, run: (harness: Harness) => Promise<void>): void => {
    test(name, async () => {
      const clock = fakeClock()
      const made = under.make(clock)
      const store = isPromise(made) ? await made : made
      try {
        await run(harnessOf(store, clock))
      } finally {
        await (under.close === undefined ? store.close?.() : under.close(store))
      }
    })
  }
  return { test: register, testWithClock: under.acceptsClock === false ? () => undefined : register }
}

function harnessOf(store: Store, clock: FakeClock): Harness {
  const harness: Harness = {
    store,
    clock,
    consume: async (charges, options) => store.consume(charges, options),
    async consumeOne(charge, options) {
      const [outcome] = await store.consume([charge], options)
      if (outcome === undefined) throw new Error('consume: expected an outcome for the only charge, got undefined')
      return outcome
    },
    peek: (charge) => harness.consumeOne(charge, { how: 'peek' }),
    async state(...charges) {
      const outcomes = await Promise.all(charges.map((charge) => harness.peek({ ...charge, cost: 1, receipt: undefined })))
      return outcomes.map(({ at: _at, ...fields }) => fields)
    },
    async errorCodeOf(charges, options) {
      try {
        await store.consume(charges, options)
      } catch (error) {
        return (error as { code?: unknown }).code
      }
      throw new Error('consume: expected an error with a code, got outcomes')
    },
  }
  return harness
}

/** A charge to the subject `alice`, in a scope derived from the limit. */
export function chargeOf(limit: Limit, cost: number = 1, more: Partial<Charge> = {}): Charge {
  return { limit, scope: `policy+${limit.name}.${limit.algorithm}`, subject: 'alice', cost, ...more }
}

/** The charge that refunds these units of an admitted one. Default: all units. */
export function refundOf(taken: Charge, outcome: Outcome, units: number = outcome.granted): Charge {
  return { ...taken, cost: -units, receipt: outcome.receipt }
}

/** Takes `units`, one charge at a time, since a concurrency holder is always one unit. */
export async function fill(harness: Harness, charge: Charge, units: number): Promise<void> {
  for (let i = 0; i < units; i++) expect((await harness.consumeOne(charge)).allowed).toBe(true)
}
