// One contender of bytes.ts: `node --expose-gc bytes-process.ts <contender>` sends the bytes of heap for each subject to its parent.
import { setImmediate as macrotask } from 'node:timers/promises'
import { createLimiter, fixedWindow, type LimitRule, memoryStore, slidingWindow } from '@sluice/core'
import { MemoryStore, type Options } from 'express-rate-limit'
import { RateLimiterMemory } from 'rate-limiter-flexible'

const SUBJECTS = 1_000_000
const HOUR = 3_600_000

type Charge = (subject: string) => unknown

export const CONTENDERS: Readonly<Record<string, () => Charge>> = {
  'a Map of two-number objects': () => {
    const map = new Map<string, { count: number; reset: number }>()
    return (subject) => map.set(subject, { count: 1, reset: Date.now() + HOUR })
  },
  'Sluice, sliding window': () => sluice([slidingWindow({ name: 'a', limit: 100, window: '1h' })]),
  'Sluice, fixed window': () => sluice([fixedWindow({ name: 'a', limit: 100, window: '1h' })]),
  'Sluice, three limits': () =>
    sluice([
      slidingWindow({ name: 'a', limit: 100, window: '1h' }),
      fixedWindow({ name: 'b', limit: 100, window: '1h' }),
      fixedWindow({ name: 'c', limit: 100, window: '1d' }),
    ]),
  'rate-limiter-flexible': () => {
    const limiter = new RateLimiterMemory({ points: 100, duration: 3_600 })
    return (subject) => limiter.consume(subject)
  },
  'express-rate-limit': () => {
    const store = new MemoryStore()
    store.init({ windowMs: HOUR } as Options)
    return (subject) => store.increment(subject)
  },
}

function sluice(limits: readonly LimitRule<string>[]): Charge {
  const limiter = createLimiter({ limits, store: memoryStore({ maxSubjects: 4_000_000 }) })
  return (subject) => limiter.consume(subject)
}

/** Bytes in use after collection. Typed arrays are `external`. */
async function usedBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await macrotask()
    globalThis.gc?.()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const contender = CONTENDERS[process.argv[2] ?? '']
// bytes.ts imports this module for the names of the contenders; only a forked process measures.
if (contender !== undefined && process.send !== undefined) {
  const charge = contender()
  await charge('first')
  const before = await usedBytes()
  for (let i = 0; i < SUBJECTS; i++) await charge(`user:${10_000_000 + i}`)
  const bytes = ((await usedBytes()) - before) / SUBJECTS
  // The states must still be referenced here, or the collector would have removed them before the measurement.
  await charge('first')
  process.send({ bytes })
}
