import * as fc from 'fast-check'
import { fakeClock } from '@sluice/testing'
import { expect, test } from 'vitest'
import { clientDirectory, type ClientRow } from '../src/index.ts'
import { DrivenTable, turn } from './driven-table.ts'

// A random history of requests, answers, failures and time, against what may never happen.

type Step =
  | { readonly do: 'ask'; readonly ids: readonly number[] }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'answer'; readonly query: number }
  | { readonly do: 'fail'; readonly query: number }
  | { readonly do: 'write'; readonly id: number; readonly exists: boolean }
  | { readonly do: 'forget'; readonly id: number }

const id = fc.nat({ max: 11 })
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('ask' as const), ids: fc.array(id, { minLength: 1, maxLength: 6 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 20, 50, 1_000, 31_000, 300_000, 3_600_000) }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('answer' as const), query: fc.nat({ max: 5 }) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('fail' as const), query: fc.nat({ max: 5 }) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('write' as const), id, exists: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), id }) },
  ) as fc.Arbitrary<Step>,
  { maxLength: 80 },
)

const TTL = 300_000
const HOUR = 3_600_000
const DEADLINE = 50
const TIMEOUT = 5_000
const MAX = 8

test('no history breaks a rule of the cache', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const clock = fakeClock()
      const table = new DrivenTable()
      table.isAutomatic = false
      const directory = clientDirectory({ table, clock, maxClients: MAX, on: { warning: () => undefined } })
      let requests = 0
      let waits: { readonly since: number; isOver: boolean }[] = []
      const open: { readonly ids: readonly string[]; readonly sent: number; end: number | undefined; forgotten: Set<string> }[] = []

      /** A row that is used was written, and was read not longer ago than it may be used. */
      const check = (name: string, row: ClientRow | undefined): void => {
        if (row === undefined) return
        expect(row.client_id).toBe(name)
        const age = clock.monotonic() - (row['readAt'] as { at: number }).at
        expect(age).toBeLessThanOrEqual(TTL * 1.1 + HOUR)
      }
      const note = (): void => {
        for (const { ids } of table.queries.slice(open.length)) {
          expect(new Set(ids).size).toBe(ids.length)
          for (const each of ids) {
            const under = open.filter((query) => query.end === undefined && query.ids.includes(each) && !query.forgotten.has(each))
            // Beside its look-up, an id may be the one that shows whether the table answers.
            expect(under.filter((query) => query.ids.length > 1 && ids.length > 1)).toEqual([])
            expect(under.length).toBeLessThan(2)
          }
          open.push({ ids, sent: clock.monotonic(), end: undefined, forgotten: new Set() })
        }
      }
      const settle = async (index: number, isAnswer: boolean): Promise<void> => {
        const waiting = open.flatMap((query, i) => (query.end === undefined ? [i] : []))
        const at = waiting[index % Math.max(1, waiting.length)]
        if (at === undefined) return
        const query = table.queries[at]
        if (query === undefined) return
        for (const each of query.ids) {
          const row = table.rows.get(each)
          if (row !== undefined) table.rows.set(each, { ...row, readAt: { at: clock.monotonic() } })
        }
        const record = open[at]
        if (record !== undefined) record.end = clock.monotonic()
        if (isAnswer) await query.answer()
        else await query.fail()
        note()
      }

      for (const step of history) {
        if (step.do === 'ask') {
          for (const each of step.ids) {
            const name = `c${each}`
            requests += 1
            const row = directory.rowOf(name)
            if (row instanceof Promise) {
              const wait = { since: clock.monotonic(), isOver: false }
              waits.push(wait)
              void row.then((value) => {
                wait.isOver = true
                check(name, value)
              })
            } else check(name, row)
          }
          await turn()
          note()
        } else if (step.do === 'wait') {
          clock.advance(step.ms)
          for (const query of open) if (query.end === undefined && clock.monotonic() >= query.sent + TIMEOUT) query.end = clock.monotonic()
          await turn()
          note()
        } else if (step.do === 'answer' || step.do === 'fail') await settle(step.query, step.do === 'answer')
        else if (step.do === 'write') {
          const name = `c${step.id}`
          if (step.exists) table.put(name, { tier: 'pro' })
          else table.rows.delete(name)
        } else {
          directory.forget(`c${step.id}`)
          for (const query of open) query.forgotten.add(`c${step.id}`)
        }

        const health = directory.health()
        expect(health.clients).toBeLessThanOrEqual(MAX)
        expect(health.hits + health.stale + health.misses).toBe(requests)
        expect(health.late).toBeLessThanOrEqual(health.misses)
        expect(open.filter(({ end }) => end === undefined).length).toBeLessThanOrEqual(4)
        for (const { since, isOver } of waits) expect(isOver || clock.monotonic() < since + DEADLINE).toBe(true)
        waits = waits.filter(({ isOver }) => !isOver)
      }
      await directory.close()
      await turn()
      expect(waits.every(({ isOver }) => isOver)).toBe(true)
      expect(clock.pending).toBe(0)
    }),
    { numRuns: 300 },
  )
})
