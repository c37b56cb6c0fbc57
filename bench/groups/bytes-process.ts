// One lane of bytes.ts: `node --expose-gc bytes-process.ts <lane>` tells its parent the bytes that each subject costs.
import { setImmediate as turn } from 'node:timers/promises'
import { createLimiter, fixedWindow, type LimitRule, memoryStore, slidingWindow } from '@sluice/core'
import { MemoryStore, type Options } from 'express-rate-limit'
import { RateLimiterMemory } from 'rate-limiter-flexible'

const SUBJECTS = 1_000_000
const HOUR = 3_600_000

/** What is kept for a key, and by whom. */
type Heap = () => { readonly charge: (key: string) => unknown }

export const HEAPS: Readonly<Record<string, Heap>> = {
  'a Map of two-number objects': () => {
    const map = new Map<string, { count: number; reset: number }>()
    return { charge: (key) => map.set(key, { count: 1, reset: Date.now() + HOUR }) }
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
    return { charge: (key) => limiter.consume(key) }
  },
  'express-rate-limit': () => {
    const store = new MemoryStore()
    store.init({ windowMs: HOUR } as Options)
    return { charge: (key) => store.increment(key) }
  },
}

function sluice(limits: readonly LimitRule<string>[]): ReturnType<Heap> {
  const limiter = createLimiter({ limits, store: memoryStore({ maxSubjects: 4_000_000 }) })
  return { charge: (key) => limiter.consume(key) }
}

/** Typed arrays lie outside the heap. */
async function used(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await turn()
    globalThis.gc?.()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const heap = HEAPS[process.argv[2] ?? '']
if (heap !== undefined && process.send !== undefined) {
  const { charge } = heap()
  await charge('warm')
  const before = await used()
  for (let i = 0; i < SUBJECTS; i++) await charge(`user:${10_000_000 + i}`)
  const bytes = ((await used()) - before) / SUBJECTS
  // Still referenced, so nothing of it could be collected.
  await charge('warm')
  process.send({ bytes })
}
