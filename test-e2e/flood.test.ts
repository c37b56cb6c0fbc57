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
  // Full at the first sample; nine times as many subjects later it holds no more than that, give or take what V8 keeps for itself.
  const full = samples[0] as number
  expect(full - empty).toBeGreaterThan(5)
  for (const sample of samples) expect(sample).toBeLessThan(full * 1.15)
})
