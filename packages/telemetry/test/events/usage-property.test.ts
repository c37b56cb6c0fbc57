// The rows of any history, delivered twice, in any order, with answers lost and processes that end, give what was counted.
import { systemClock, type Decision } from '@sluice/core'
import { fakeClock } from '@sluice/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { noDrops } from '../../src/events/drops.ts'
import { Outlet } from '../../src/events/outlet.ts'
import { UsageSender } from '../../src/events/usage-sender.ts'
import { UsageTable } from '../../src/events/usage-table.ts'
import { EventWarnings } from '../../src/events/warnings.ts'
import { type Answer, decisionBy, TestSink, viewOf } from './support.ts'

// Few keys, so that many decisions have the same.
const VERDICTS = ['allowed', 'refused'] as const
const policies = fc.dictionary(fc.constantFrom('api', 'login'), fc.constantFrom(...VERDICTS), { maxKeys: 2 })
const counted = fc.record({
  type: fc.constant('count' as const),
  policies,
  tenant: fc.constantFrom('', 'a'),
  units: fc.integer({ min: 0, max: 5 }),
})
/** Mostly forward, and back by less and more than a minute, and by more than five. */
const moved = fc.record({
  type: fc.constant('move' as const),
  ms: fc.oneof(fc.integer({ min: 0, max: 90_000 }), fc.constantFrom(-1, -500, -30_000, -61_000, -290_000, -301_000, -3_600_000, 3_600_000)),
})
const answered = fc.record({ type: fc.constant('answer' as const), answer: fc.constantFrom<Answer[]>('taken', 'failed', 'lost') })
const flushed = fc.constant({ type: 'flush' as const })
const ended = fc.record({ type: fc.constant('end' as const), isOrderly: fc.boolean() })
const step = fc.oneof(
  { weight: 10, arbitrary: counted },
  { weight: 3, arbitrary: moved },
  { weight: 2, arbitrary: answered },
  { weight: 3, arbitrary: flushed },
  { weight: 1, arbitrary: ended },
)

type Sums = Map<string, { requests: number; units: number }>

function add(sums: Sums, key: string, units: number): void {
  const sum = sums.get(key) ?? { requests: 0, units: 0 }
  sums.set(key, { requests: sum.requests + 1, units: sum.units + units })
}

test('the largest values of all rows sum up to what was counted', { timeout: 120_000 }, async () => {
  const runs = process.env['SLUICE_FAULTS'] === 'full' ? 50_000 : 2_000
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.infiniteStream(fc.nat()), async (steps, random) => {
      const clock = fakeClock()
      const sink = new TestSink()
      /** What was counted, what a process that ended without a flush may have taken with it. */
      const [sums, lost]: [Sums, Sums] = [new Map(), new Map()]
      let unsent: { key: string; units: number }[] = []
      let boots = 0
      const start = () => {
        const drops = noDrops()
        // That rows expire is another test.
        const table = new UsageTable(
          () => `boot ${(boots += 1)}`,
          () => 0,
        )
        const outlet = new Outlet(
          sink,
          1_000,
          { ...systemClock, ...clock },
          new EventWarnings(
            'of the test',
            () => 0,
            () => undefined,
          ),
        )
        // Its timer never fires: the steps say when it sends.
        const timers = { ...systemClock, now: () => clock.now(), monotonic: () => 0, after: () => () => undefined }
        return { table, sender: new UsageSender(table, { outlet, clock: timers, region: 'eu', drops }), drops }
      }
      let process = start()
      const flush = async (): Promise<void> => {
        if (await process.sender.flush()) unsent = []
      }
      for (const each of steps) {
        if (each.type === 'move') clock.advance(each.ms)
        else if (each.type === 'answer') sink.answer = each.answer
        else if (each.type === 'flush') await flush()
        else if (each.type === 'end') {
          if (each.isOrderly) sink.answer = 'taken'
          if (each.isOrderly) await flush()
          for (const { key, units } of unsent) add(lost, key, units)
          unsent = []
          process = start()
        } else {
          const decision = decisionBy(each.policies, { units: each.units })
          process.table.count(clock.now(), decision, each.tenant, '/orders/:id')
          for (const { key, units } of expected(decision, each)) {
            add(sums, key, units)
            unsent.push({ key, units })
          }
        }
      }
      sink.answer = 'taken'
      clock.advance(1)
      await flush()
      const shuffled = [...sink.rows, ...sink.rows].map((row) => ({ row, at: random.next().value as number }))
      const rows = shuffled.toSorted((a, b) => a.at - b.at).map(({ row }) => row)
      const view = viewOf(rows, ({ tenant, policy, mode, verdict }) => [tenant, policy, mode, verdict].join('|'))
      for (const key of new Set([...sums.keys(), ...view.keys()])) {
        const [is, was, may] = [view, sums, lost].map((each) => each.get(key) ?? { requests: 0, units: 0 }) as [Sum, Sum, Sum]
        expect(is.requests, key).toBeLessThanOrEqual(was.requests)
        expect(is.requests, key).toBeGreaterThanOrEqual(was.requests - may.requests)
        expect(is.units, key).toBeLessThanOrEqual(was.units)
        expect(is.units, key).toBeGreaterThanOrEqual(was.units - may.units)
      }
    }),
    { numRuns: runs },
  )
})

interface Sum {
  readonly requests: number
  readonly units: number
}

/** The keys under which the model counts a decision. */
function expected(
  { verdict, mode, charges, outcomes }: Decision,
  { tenant, policies, units }: typeof counted extends fc.Arbitrary<infer T> ? T : never,
): readonly { readonly key: string; readonly units: number }[] {
  const keyOf = (policy: string, said: string): string => [tenant, policy, mode, said].join('|')
  expect(charges).toHaveLength(outcomes.length)
  // A decision without limits grants what was asked for.
  const whole = { key: keyOf('', verdict), units: verdict === 'allowed' || charges.length > 0 ? units : 0 }
  return [whole, ...Object.entries(policies).map(([policy, said]) => ({ key: keyOf(policy, said), units }))]
}
