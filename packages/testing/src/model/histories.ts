import type { Limit } from '@sluice/core'
import fc from 'fast-check'
import { type Family, families } from './history-limits.ts'

/** Where charges go: one scope, and the limits that take turns on it. */
export interface Slot {
  readonly scope: string
  readonly variants: readonly Limit[]
}

/** Units relative to what a limit is, so that one history fits limits of 1 and of a million, and shrinks well. */
export type Units =
  | { readonly of: 'few'; readonly n: number }
  /** The quota and this many more or fewer. */
  | { readonly of: 'quota'; readonly n: number }
  | { readonly of: 'share'; readonly n: number }
  /** What the last outcome of this slot left, and this many more or fewer. */
  | { readonly of: 'left'; readonly n: number }

export type Move =
  | { readonly do: 'take'; readonly slot: number; readonly subject: number; readonly units: Units }
  /** A receipt, counted back from the newest; `own`: with the limit that it was charged under, else with the current one. */
  | { readonly do: 'give'; readonly pick: number; readonly units: Units; readonly own: boolean }
  | { readonly do: 'give-bare'; readonly slot: number; readonly subject: number; readonly units: Units }
  | { readonly do: 'renew'; readonly pick: number }

export type Step =
  | {
      readonly do: 'consume'
      readonly moves: readonly Move[]
      readonly how: 'charge' | 'force' | 'peek'
      readonly atLeast: Units | undefined
    }
  | { readonly do: 'reset'; readonly slot: number; readonly subject: number }
  /** µs forward; `share` of the slot's window. */
  | { readonly do: 'advance'; readonly slot: number; readonly share: number; readonly micros: number }
  /** To the time that the last decision named, and these µs more or fewer. */
  | { readonly do: 'wait'; readonly for: 'retryAfter' | 'nextAfter' | 'resetAfter' | 'delay'; readonly micros: number }
  | { readonly do: 'back'; readonly micros: number }
  | { readonly do: 'jitter'; readonly micros: number }
  | { readonly do: 'change'; readonly slot: number; readonly variant: number }

export interface History {
  readonly slots: readonly Slot[]
  /** ms */
  readonly start: number
  /** No limit changes and no clock that steps back: then the promises hold to the letter. */
  readonly steady: boolean
  readonly steps: readonly Step[]
}

export const SUBJECTS: readonly string[] = ['alice', 'bob', '__proto__']

/** Histories over two limits of one family, or over three of any for `mixed`; a decision has up to `charges` of them. */
export function histories(family: Family | 'mixed', length: number, charges = 3): fc.Arbitrary<History> {
  const names = Object.keys(families) as Family[]
  const one = (name: fc.Arbitrary<Family>, i: number): fc.Arbitrary<Slot> =>
    name.chain((name) => families[name].map((variants) => ({ scope: `p/l${i}/${variants[0]?.algorithm}`, variants })))
  const slots =
    family === 'mixed'
      ? fc.tuple(...[0, 1, 2].map((i) => one(fc.constantFrom(...names), i)))
      : fc.oneof(
          { weight: 2, arbitrary: fc.tuple(one(fc.constant(family), 0)) },
          { weight: 1, arbitrary: fc.tuple(...[0, 1].map((i) => one(fc.constant(family), i))) },
        )
  return fc.record({
    slots,
    start: fc.oneof(fc.constantFrom(...STARTS), fc.integer({ min: 0, max: 4_000_000_000_000 })),
    steady: fc.boolean(),
    steps: fc.array(stepWith(charges), { minLength: 1, maxLength: length, size: 'max' }),
  })
}

/** The epoch, and shortly before the nights on which the zones of history-limits.ts change their clocks or skip a day. */
const STARTS = [
  0,
  Date.UTC(2026, 0, 1),
  Date.UTC(2026, 2, 28, 20), // Berlin, an hour less
  Date.UTC(2026, 9, 24, 20), // Berlin, an hour more
  Date.UTC(2026, 2, 8, 3), // Havana: no midnight
  Date.UTC(2026, 10, 1, 2), // Havana: midnight twice
  Date.UTC(2026, 3, 4, 12), // Lord Howe: half an hour
  Date.UTC(2018, 10, 3, 20), // São Paulo: no midnight
  Date.UTC(2018, 1, 17, 20), // São Paulo: 23:00 twice
  Date.UTC(2011, 11, 29, 6), // Apia: no 30th of December
]

const slot = fc.nat(2)
const subject = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(SUBJECTS.length - 1) })
const units: fc.Arbitrary<Units> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ of: fc.constant('few' as const), n: fc.constantFrom(1, 1, 1, 0, 2, 3, 5, 8) }) },
  { weight: 2, arbitrary: fc.record({ of: fc.constant('quota' as const), n: fc.integer({ min: -2, max: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ of: fc.constant('left' as const), n: fc.integer({ min: -1, max: 1 }) }) },
  { weight: 2, arbitrary: fc.record({ of: fc.constant('share' as const), n: fc.double({ min: 0, max: 1, noNaN: true }) }) },
)
// Receipts near the end of the list are those that are still good for something.
const pick = fc.oneof({ weight: 3, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(15) })

const take: fc.Arbitrary<Move> = fc.record({ do: fc.constant('take' as const), slot, subject, units })
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 12, arbitrary: take },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('give' as const), pick, units, own: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('renew' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('give-bare' as const), slot, subject, units }) },
)
const consume = (charges: number): fc.Arbitrary<Step> => {
  const single = fc.array(move, { minLength: 1, maxLength: 1 })
  const several = fc.array(move, { minLength: Math.min(2, charges), maxLength: charges })
  return fc.record({
    do: fc.constant('consume' as const),
    moves: fc.oneof({ weight: 3, arbitrary: single }, { weight: 1, arbitrary: several }),
    how: fc.oneof({ weight: 8, arbitrary: fc.constant('charge' as const) }, fc.constantFrom('force' as const, 'peek' as const)),
    atLeast: fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: units }),
  })
}

const tiny = fc.constantFrom(-1000, -999, -1, 0, 0, 0, 1, 999, 1000)
const other: readonly fc.WeightedArbitrary<Step>[] = [
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      for: fc.constantFrom('retryAfter', 'retryAfter', 'nextAfter', 'resetAfter', 'delay'),
      micros: tiny,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      slot,
      share: fc.constantFrom(0, 0.001, 0.01, 0.1, 0.25),
      micros: fc.nat(1_500),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      slot,
      share: fc.double({ min: 0, max: 2.5, noNaN: true }),
      micros: fc.nat(1_000_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('back' as const),
      micros: fc.oneof(fc.nat(6_000_000), fc.nat(59_000_000), fc.constantFrom(1, 1000, 5_000_000, 5_001_000)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('change' as const), slot, variant: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('jitter' as const), micros: fc.double({ min: -0.45, max: 0.45, noNaN: true }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const), slot, subject }) },
]
const stepWith = (charges: number): fc.Arbitrary<Step> => fc.oneof({ weight: 16, arbitrary: consume(charges) }, ...other)
