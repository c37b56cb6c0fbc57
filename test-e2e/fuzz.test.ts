// At least 100,000 inputs that nobody meant: an input either works, or is refused by a SluiceError of a known code or a 4xx. Nothing
// crashes or hangs, no prototype changes, no header carries what it should not. The seed is printed; SLUICE_SEED runs it again.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { calls } from './fuzz/calls.ts'
import { definitions } from './fuzz/definitions.ts'
import { redis } from './fuzz/redis.ts'
import { requests } from './fuzz/requests.ts'
import { seed, tally } from './fuzz/runner.ts'

const unhandled: unknown[] = []
const hear = (error: unknown): void => void unhandled.push(error)

beforeAll(() => {
  process.on('unhandledRejection', hear)
})
afterAll(() => {
  process.off('unhandledRejection', hear)
  console.table(tally.rows)
  console.log(`fuzz: ${total()} inputs, seed ${seed} (SLUICE_SEED=${seed} runs them again)`)
})

const total = (): number =>
  Object.entries(tally.rows).reduce((sum, [what, { inputs }]) => sum + (what.endsWith('(batches)') ? 0 : inputs), 0)

definitions()
requests()
calls()
redis()

test('100,000 inputs in all, and no rejection that nobody heard', () => {
  expect(unhandled).toEqual([])
  expect(total()).toBeGreaterThanOrEqual(100_000 * Math.min(1, Number(process.env['SLUICE_FUZZ'] ?? 10_000) / 10_000))
})
