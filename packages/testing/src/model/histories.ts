import type { Limit } from '@sluice/core'
import fc from 'fast-check'
import { type Family, families, RIGHTS_FAMILIES } from './history-limits.ts'

/** One scope, and the limits that take turns on it. */
export interface ScopeLimits {
  readonly scope: string
  readonly limits: readonly Limit[]
}

/** Units relative to the limit, so that the same history works for limits of 1 and of a million, and shrinks well. */
export type Units =
  /** `n` units. */
  | { readonly of: 'count'; readonly n: number }
  /** The quota plus `n`. */
  | { readonly of: 'quota'; readonly n: number }
  /** The quota times `n`, from 0 to 1. */
  | { readonly of: 'part'; readonly n: number }
  /** What remained in this scope after its last outcome, plus `n`. */
  | { readonly of: 'remaining'; readonly n: number }

/** One charge of a decision. Indexes are taken modulo the number of scopes or receipts. */
export type Move =
  | { readonly do: 'charge'; readonly scopeIndex: number; readonly subject: number; readonly units: Units }
  /** `receiptIndex` counts back from the newest receipt. `underOriginalLimit`: by the limit that was charged, else by the current one. */
  | { readonly do: 'refund'; readonly receiptIndex: number; readonly units: Units; readonly underOriginalLimit: boolean }
  | { readonly do: 'refund-without-receipt'; readonly scopeIndex: number; readonly subject: number; readonly units: Units }
  | { readonly do: 'renew'; readonly receiptIndex: number }

/** One action of a history. */
export type Step =
  | {
      readonly do: 'consume'
      readonly moves: readonly Move[]
      /** `credit`: each move gives its units back, without a receipt. */
      readonly how: 'charge' | 'force' | 'peek' | 'credit'
      readonly atLeast: Units | undefined
    }
  | { readonly do: 'reset'; readonly scopeIndex: number; readonly subject: number }
  /** Blocks a subject under all limits, for `share` of the window plus `ms`; 0 for both ends the block. */
  | { readonly do: 'block'; readonly scopeIndex: number; readonly subject: number; readonly share: number; readonly ms: number }
  /** Moves the clock forward by `share` of the window plus `micros`. */
  | { readonly do: 'advance'; readonly scopeIndex: number; readonly share: number; readonly micros: number }
  /** Moves the clock by a duration of the last outcome plus `micros`. */
  | { readonly do: 'wait'; readonly for: 'retryAfter' | 'nextAfter' | 'resetAfter' | 'delay'; readonly micros: number }
  | { readonly do: 'step-back'; readonly micros: number }
  /** From now on the clock shows `micros` more than it should: a fraction of a µs. */
  | { readonly do: 'jitter'; readonly micros: number }
  /** Another limit takes over the scope. */
  | { readonly do: 'change'; readonly scopeIndex: number; readonly limitIndex: number }

/** A random sequence of decisions and clock moves, on up to three scopes. */
export interface History {
  readonly scopes: readonly ScopeLimits[]
  /** ms since the epoch. */
  readonly start: number
  /** True: limits do not change and the clock never steps back. Only then do the promises hold exactly. */
  readonly steady: boolean
  readonly steps: readonly Step[]
}

export const SUBJECTS: readonly string[] = ['alice', 'bob', '__proto__']

/** Generates histories over up to two scopes of one family, or for `mixed` over three of any. A decision has up to `charges` charges. */
export function histories(family: Family | 'mixed', length: number, charges = 3): fc.Arbitrary<History> {
  const names = (Object.keys(families) as Family[]).filter((name) => !RIGHTS_FAMILIES.includes(name))
  const one = (name: fc.Arbitrary<Family>, i: number): fc.Arbitrary<ScopeLimits> =>
    name.chain((name) => families[name].map((limits) => ({ scope: `p+l${i}.${limits[0]?.algorithm}`, limits })))
  const scopes =
    family === 'mixed'
      ? fc.tuple(...[0, 1, 2].map((i) => one(fc.constantFrom(...names), i)))
      : fc.oneof(
          { weight: 2, arbitrary: fc.tuple(one(fc.constant(family), 0)) },
          { weight: 1, arbitrary: fc.tuple(...[0, 1].map((i) => one(fc.constant(family), i))) },
        )
  return fc.record({
    scopes,
    start: fc.oneof(fc.constantFrom(...STARTS), fc.integer({ min: 0, max: 4_000_000_000_000 })),
    steady: fc.boolean(),
    steps: fc.oneof(
      ...[stepWith(charges), stepWith(charges, blocks)].map((arbitrary) => ({
        weight: 1,
        arbitrary: fc.array(arbitrary, { minLength: 1, maxLength: length, size: 'max' as const }),
      })),
    ),
  })
}

/** The epoch, and times shortly before the zones of history-limits.ts change their clocks or skip a date. */
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

const scopeIndex = fc.nat(2)
const subject = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(SUBJECTS.length - 1) })
const units: fc.Arbitrary<Units> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ of: fc.constant('count' as const), n: fc.constantFrom(1, 1, 1, 0, 2, 3, 5, 8) }) },
  { weight: 2, arbitrary: fc.record({ of: fc.constant('quota' as const), n: fc.integer({ min: -2, max: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ of: fc.constant('remaining' as const), n: fc.integer({ min: -1, max: 1 }) }) },
  { weight: 2, arbitrary: fc.record({ of: fc.constant('part' as const), n: fc.double({ min: 0, max: 1, noNaN: true }) }) },
)
// Mostly the newest receipts, since older ones have expired.
const receiptIndex = fc.oneof({ weight: 3, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(15) })

const take: fc.Arbitrary<Move> = fc.record({ do: fc.constant('charge' as const), scopeIndex, subject, units })
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 12, arbitrary: take },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('refund' as const), receiptIndex, units, underOriginalLimit: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('renew' as const), receiptIndex }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refund-without-receipt' as const), scopeIndex, subject, units }) },
)
const consume = (charges: number): fc.Arbitrary<Step> => {
  const single = fc.array(move, { minLength: 1, maxLength: 1 })
  const several = fc.array(move, { minLength: Math.min(2, charges), maxLength: charges })
  return fc.record({
    do: fc.constant('consume' as const),
    moves: fc.oneof({ weight: 3, arbitrary: single }, { weight: 1, arbitrary: several }),
    how: fc.oneof(
      { weight: 8, arbitrary: fc.constant('charge' as const) },
      fc.constantFrom('force' as const, 'peek' as const, 'credit' as const),
    ),
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
      scopeIndex,
      share: fc.constantFrom(0, 0.001, 0.01, 0.1, 0.25),
      micros: fc.nat(1_500),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      scopeIndex,
      share: fc.double({ min: 0, max: 2.5, noNaN: true }),
      micros: fc.nat(1_000_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('step-back' as const),
      micros: fc.oneof(fc.nat(6_000_000), fc.nat(59_000_000), fc.constantFrom(1, 1000, 5_000_000, 5_001_000)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('change' as const), scopeIndex, limitIndex: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('jitter' as const), micros: fc.double({ min: -0.45, max: 0.45, noNaN: true }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const), scopeIndex, subject }) },
]
/** Mostly short, so that most decisions are made by the limits. */
const blocks: readonly fc.WeightedArbitrary<Step>[] = [
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('block' as const),
      scopeIndex,
      subject,
      share: fc.constantFrom(0, 0, 0, 0.01, 0.25, 2),
      ms: fc.constantFrom(0, 0, 1, 500, 10_000),
    }),
  },
]
const stepWith = (charges: number, more: readonly fc.WeightedArbitrary<Step>[] = []): fc.Arbitrary<Step> =>
  fc.oneof({ weight: 16, arbitrary: consume(charges) }, ...other, ...more)
