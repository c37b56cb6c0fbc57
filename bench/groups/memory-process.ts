// One lane of memory.ts and subjects.ts: `memory-process.ts <lane> <subjects>`. A process of its own, so that no lane runs on code that the
// compiler shaped for another. Told a number of ms, it decides for so long; told anything else, until everybody has come.
import { createLimiter, fixedWindow, type LimitRule, memoryStore, slidingWindow, tokenBucket } from '@sluice/core'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { answer } from '../child.ts'
import { cpuMicros, type Turn } from '../rounds.ts'
import { uniform } from '../subjects.ts'

/** Nobody reaches it. */
const LIMIT = 100_000_000
const CHUNK = 1_000
const [name = '', count = ''] = process.argv.slice(2)
const { at, round } = uniform(Number(count))
const HOUR = 3_600_000
const window = '1h'
const sliding = slidingWindow({ name: 'a', limit: LIMIT, window })

/** Decides so often, from this place of the order on. */
type Run = (from: number, count: number) => void | Promise<void>

const LANES: Readonly<Record<string, () => Run>> = {
  bare,
  sliding: () => sluice([sliding]),
  fixed: () => sluice([fixedWindow({ name: 'a', limit: LIMIT, window })]),
  bucket: () => sluice([tokenBucket({ name: 'a', limit: 1_000_000, window: '1s' })]),
  three: () =>
    sluice([sliding, fixedWindow({ name: 'b', limit: LIMIT, window: '1d' }), fixedWindow({ name: 'c', limit: LIMIT, window: '7d' })]),
  flexible,
}

/** The least that a limiter does: get, the time, compare, add; one object a key. */
function bare(): Run {
  const counters = new Map<string, { count: number; reset: number }>()
  let refused = 0
  return (from, count) => {
    for (let i = from; i < from + count; i++) {
      const key = at(i)
      const now = Date.now()
      const counter = counters.get(key)
      if (counter === undefined || now >= counter.reset) counters.set(key, { count: 1, reset: now + HOUR })
      else if (counter.count < LIMIT) counter.count += 1
      else refused += 1
    }
    if (refused > 0) throw new Error('the limit was reached')
  }
}

function sluice(limits: readonly LimitRule<string>[]): Run {
  const limiter = createLimiter({ limits, store: memoryStore({ maxSubjects: 16_000_000 }) })
  return (from, count) => {
    for (let i = from; i < from + count; i++) {
      const decision = limiter.consume(at(i))
      if (decision instanceof Promise || !decision.allowed) throw new Error('the limit was reached')
    }
  }
}

function flexible(): Run {
  const limiter = new RateLimiterMemory({ points: LIMIT, duration: HOUR / 1000 })
  return async (from, count) => {
    for (let i = from; i < from + count; i++) await limiter.consume(at(i))
  }
}

const make = LANES[name]
if (make === undefined) throw new Error(`no lane "${name}"`)
const run = make()
let done = 0
answer(async (ms) => {
  const cpu = cpuMicros()
  const start = performance.now()
  let decided = 0
  let elapsed = 0
  const isOver = () => (typeof ms === 'number' ? elapsed >= ms : done >= round)
  for (; !isOver(); elapsed = performance.now() - start) {
    await run(done, CHUNK)
    done += CHUNK
    decided += CHUNK
  }
  return { rate: (decided * 1_000) / elapsed, cpu: (cpuMicros() - cpu) / decided } satisfies Turn
})
