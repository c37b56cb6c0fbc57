import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

test('a million subjects in a store of 100,000: memory stays flat, and a blocked subject stays blocked', async () => {
  const script = join(import.meta.dirname, 'support', 'flood-process.ts')
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--conditions=source', script], { timeout: 110_000 })
  const { blocked, empty, samples } = JSON.parse(stdout) as { blocked: boolean[]; empty: number; samples: number[] }
  expect(blocked).toEqual([true, true])
  expect(samples).toHaveLength(10)
  // The store is full at the first sample. After that, V8 enlarges its table once, since deleted entries keep their space.
  const [full = 0, flat = 0, ...later] = samples
  expect(full - empty).toBeGreaterThan(5)
  expect(flat).toBeLessThan(full * 1.25)
  for (const sample of later) expect(sample).toBeLessThan(flat * 1.02)
})
