import { bundleWorker } from '@sluice/testing/workerd'
import { expect, test } from 'vitest'

test('a Worker that does not use the layers does not bundle them', async () => {
  const layers = ['class Failover', 'class CircuitBreaker', 'class DenyCache', 'class Leases', 'class HotSubjects']
  const plain = new URL('./plain.worker.ts', import.meta.url)
  const layered = new URL('./bench.worker.ts', import.meta.url)
  const bundles = await Promise.all([plain, layered].map(bundleWorker))
  // esbuild writes a class as `var Failover = class …` or `class Failover …`.
  const found = bundles.map((code) => layers.map((name) => new RegExp(`${name}\\b|${name.replace('class ', '')} = class\\b`).test(code)))
  expect(found).toEqual([layers.map(() => false), layers.map(() => true)])
})
