// At least 100,000 random inputs: each either works, or is refused with a SluiceError of a known code or a 4xx status. Nothing
// crashes or hangs, no prototype changes, and no header is forged. SLUICE_SEED repeats a run; the seed is printed.
import { writeSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { calls } from './support/fuzz/calls.ts'
import { definitions } from './support/fuzz/definitions.ts'
import { redis } from './support/fuzz/redis.ts'
import { requests } from './support/fuzz/requests.ts'
import { sockets } from './support/fuzz/sockets.ts'
import { seed, tally } from './support/fuzz/runner.ts'

const unhandled: unknown[] = []
const onUnhandled = (error: unknown): void => void unhandled.push(error)

beforeAll(() => {
  // Written at once: what vitest collects is lost if a loop never ends.
  writeSync(process.stderr.fd, `fuzz: seed ${seed}\n`)
  process.on('unhandledRejection', onUnhandled)
})
afterAll(() => {
  process.off('unhandledRejection', onUnhandled)
  console.table(tally.rows)
  console.log(`fuzz: ${total()} inputs, seed ${seed} (SLUICE_SEED=${seed} runs them again)`)
})

const total = (): number =>
  Object.entries(tally.rows).reduce((sum, [what, { inputs }]) => sum + (what.endsWith('(batches)') ? 0 : inputs), 0)

definitions()
requests()
calls()
redis()
sockets()

test('100,000 inputs in all, and no unhandled rejection', () => {
  expect(unhandled).toEqual([])
  expect(total()).toBeGreaterThanOrEqual(100_000 * Math.min(1, Number(process.env['SLUICE_FUZZ'] ?? 10_000) / 10_000))
})
