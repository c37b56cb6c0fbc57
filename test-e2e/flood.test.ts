import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

test('a million subjects through a store of 100,000: memory stays flat, and who was at the limit still is', async () => {
  const script = join(import.meta.dirname, 'support', 'flood.ts')
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--conditions=source', script])
  const { blocked, empty, samples } = JSON.parse(stdout) as { blocked: boolean[]; empty: number; samples: number[] }
  expect(blocked).toEqual([true, true])
  expect(samples).toHaveLength(10)
  // Full at the first sample. After that V8 makes the table of subjects larger, once, since it keeps the places of those that went.
  const [full = 0, flat = 0, ...later] = samples
  expect(full - empty).toBeGreaterThan(5)
  expect(flat).toBeLessThan(full * 1.25)
  for (const sample of later) expect(sample).toBeLessThan(flat * 1.02)
})
