import {
  type Charge,
  concurrency,
  type ConsumeOptions,
  fixedWindow,
  isSluiceError,
  leakyBucket,
  type Outcome,
  type Receipt,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from '@sluice/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemoryStore, type MemoryStoreOptions } from '../../src/memory/memory-store.ts'

const { limit: shortMinute } = fixedWindow({ name: 'minute', limit: 3, window: '1m' })
/** A limit and its scope. The first three are one scope: the second reads the state of the first, the third has its own. */
const LIMITS = [
  { limit: shortMinute, scope: 'p+minute.fixedWindow' },
  { limit: { ...shortMinute, limit: 6 }, scope: 'p+minute.fixedWindow' },
  { limit: { ...shortMinute, window: 30_000 }, scope: 'p+minute.fixedWindow' },
  { limit: slidingWindow({ name: 'sliding', limit: 5, window: '1m' }).limit, scope: 'p+sliding.slidingWindow' },
  { limit: tokenBucket({ name: 'bucket', limit: 4, window: '1m' }).limit, scope: 'p+bucket.tokenBucket' },
  { limit: leakyBucket({ name: 'queue', limit: 60, window: '1m', maxDelay: '3s', queue: true }).limit, scope: 'q+queue.leakyBucket' },
  { limit: slidingLog({ name: 'log', limit: 3, window: '1m' }).limit, scope: 'q+log.slidingLog' },
  { limit: concurrency({ name: 'slow', limit: 2, ttl: '1m' }).limit, scope: 'q+slow.concurrency' },
] as const

const target = fc.record({ limit: fc.nat(LIMITS.length - 1), subject: fc.constantFrom('a', 'b', 'c', 'd', 'x'.repeat(300)) })
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('consume' as const),
      charges: fc.array(fc.record({ target, cost: fc.constantFrom(1, 1, 1, 1, 1, 0, 2, 3) }), { minLength: 1, maxLength: 4 }),
      how: fc.constantFrom(undefined, undefined, undefined, 'charge' as const, 'force' as const, 'peek' as const),
      atLeast: fc.constantFrom(undefined, undefined, 1, 2),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('giveBack' as const), receipts: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset' as const), targets: fc.array(target, { minLength: 1, maxLength: 3 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 1_000, 20_000, 60_000, 130_000, -3_000) }),
  },
)
const history = fc.record({
  maxSubjects: fc.constantFrom(1, 2, 3, 5, 8, 1_000),
  overflow: fc.constantFrom('shared' as const, 'deny' as const, 'allow' as const),
  steps: fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

test('the fast path and the full path give the same outcomes and leave the same states', () => {
  let fast = 0
  let full = 0
  fc.assert(
    fc.property(history, ({ steps, ...options }) => {
      const both = new Subject(options)
      const onlyFull = new Subject(options)
      both.spyOnFastPath((isDecided) => (isDecided ? (fast += 1) : (full += 1)))
      onlyFull.removeFastPath()
      for (const each of steps) {
        expect(both.run(each)).toEqual(onlyFull.run(each))
        expect(both.memory()).toEqual(onlyFull.memory())
        expect(both.size).toBeLessThanOrEqual(options.maxSubjects)
      }
    }),
    { numRuns: 1_800 },
  )
  // The comparison means something only if both paths decide often.
  expect(fast).toBeGreaterThan(5_000)
  expect(full).toBeGreaterThan(5_000)
})

/** The parts of a store that hold its states. */
interface Inside {
  fastPath: { decide(charges: readonly Charge[], now: number, options: ConsumeOptions): readonly Outcome[] | undefined }
  readonly states: {
    readonly slots: {
      readonly subjects: readonly string[]
      readonly free: readonly number[]
      readonly objects: ReadonlyMap<number, unknown>
      readonly words: Int32Array
      readonly evictable: { readonly oldest: readonly number[]; readonly newest: readonly number[]; readonly size: number }
      readonly tables: readonly { readonly size: number; readonly shared: unknown; readonly chains: ReadonlyMap<string, number> }[]
    }
  }
}

/** A store under test with its clock and the receipts that it gave. */
class Subject {
  private readonly clock = { ms: 1_700_000_000_000, now: () => this.clock.ms }
  private readonly store: MemoryStore
  private readonly inside: Inside
  private readonly taken: { readonly charge: Charge; readonly receipt: Receipt; readonly units: number }[] = []
  /** Ids of holders are random: the n-th that a store gave is compared with the n-th of the other store. */
  private readonly holders: string[] = []

  constructor(options: MemoryStoreOptions) {
    this.store = new MemoryStore({ ...options, clock: this.clock })
    this.inside = this.store as unknown as Inside
    // Makes all tables, since a charge that throws makes fewer on the fast path.
    for (const each of LIMITS) this.store.consume([{ ...each, subject: 'a', cost: 0 }], { how: 'peek' })
  }

  spyOnFastPath(report: (isDecided: boolean) => void): void {
    const { fastPath } = this.inside
    this.inside.fastPath = {
      decide: (...args) => {
        const outcomes = fastPath.decide(...args)
        report(outcomes !== undefined)
        return outcomes
      },
    }
  }

  removeFastPath(): void {
    this.inside.fastPath = { decide: () => undefined }
  }

  /** What the step returned, or the code of the error that it threw. */
  run(each: Step): unknown {
    try {
      if (each.kind === 'wait') this.clock.ms += each.ms
      else if (each.kind === 'reset') this.store.reset(each.targets.map(stateOf))
      else if (each.kind === 'giveBack') return this.giveBack(each.receipts)
      else return this.consume(each.charges, { how: each.how, atLeast: each.atLeast })
    } catch (error) {
      if (!isSluiceError(error)) throw error
      return error.code
    }
    return undefined
  }

  private consume(given: readonly { target: Parameters<typeof stateOf>[0]; cost: number }[], options: ConsumeOptions): unknown {
    const charges = given.map((charge) => ({ ...stateOf(charge.target), cost: charge.cost }))
    return this.record(charges, this.store.consume(charges, options) as readonly Outcome[])
  }

  private giveBack(choices: readonly number[]): unknown {
    if (this.taken.length === 0) return undefined
    const charges = choices.map((choice) => {
      const { charge, receipt, units } = this.taken[choice % this.taken.length] as (typeof this.taken)[number]
      return { ...charge, receipt, cost: -units }
    })
    return this.record(charges, this.store.consume(charges) as readonly Outcome[])
  }

  private record(charges: readonly Charge[], outcomes: readonly Outcome[]): unknown {
    return outcomes.map((outcome, i) => {
      const charge = charges[i] as Charge
      const { receipt, granted } = outcome
      if (receipt === undefined) return outcome
      this.taken.push({ charge, receipt, units: granted })
      if (charge.limit.algorithm === 'concurrency') this.holders.push(String(receipt).replace(/^~"(.*)"$/, '$1'))
      return { ...outcome, receipt: this.withoutIds(receipt) }
    })
  }

  /** How many states the store keeps. */
  get size(): number {
    const { subjects, free } = this.inside.states.slots
    return subjects.length - free.length
  }

  /** Everything that the store keeps, down to the order of its lists. */
  memory(): unknown {
    const { subjects, free, objects, words, evictable, tables } = this.inside.states.slots
    return this.withoutIds({
      subjects: [...subjects],
      free: [...free],
      objects: [...objects],
      words: [...words.subarray(0, subjects.length * 12)],
      evictable: { oldest: [...evictable.oldest], newest: [...evictable.newest], size: evictable.size },
      tables: tables.map(({ size, shared, chains }) => ({ size, shared, chains: [...chains] })),
    })
  }

  private withoutIds(value: unknown): unknown {
    let text = JSON.stringify(value)
    for (const [i, id] of this.holders.entries()) text = text.replaceAll(id, `holder ${i}`)
    return text
  }
}

function stateOf({ limit, subject }: { readonly limit: number; readonly subject: string }) {
  return { ...(LIMITS[limit] as (typeof LIMITS)[number]), subject }
}
