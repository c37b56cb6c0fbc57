// Sends a million different subjects to a store of 100,000, and prints the memory in use as JSON.
import { createLimiter, memoryStore, slidingWindow } from '@sluice/core'

const limiter = createLimiter({
  limits: [slidingWindow({ name: 'minute', limit: 100, window: '1h' })],
  store: memoryStore({ maxSubjects: 100_000 }),
})
const usedMegabytes = () => {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 2 ** 20
}

for (let i = 0; i < 100; i++) await limiter.consume('blocked')
const before = await limiter.consume('blocked')
const empty = usedMegabytes()
const samples: number[] = []
for (let i = 1; i <= 1_000_000; i++) {
  await limiter.consume(`subject:${i}`)
  if (i % 100_000 === 0) samples.push(usedMegabytes())
}
const after = await limiter.consume('blocked')
console.log(JSON.stringify({ blocked: [!before.allowed, !after.allowed], empty, samples }))
