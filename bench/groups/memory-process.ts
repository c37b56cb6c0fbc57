// One contender of memory.ts and subjects.ts: `memory-process.ts <contender> <subjects>`. It has a process of its own, since the compiler
// would shape shared code for all contenders at once.
import { createLimiter, fixedWindow, type LimitRule, memoryStore, slidingWindow, tokenBucket } from '@sluice/core'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { answerParent, type Order } from '../measure/process.ts'
import { cpuMicros, type Sample } from '../measure/rounds.ts'
import { uniform } from '../measure/subjects.ts'

/** Out of reach, so that every decision admits. */
const LIMIT = 100_000_000
/** Decisions between two readings of the clock. */
const CHUNK = 1_000
const HOUR = 3_600_000

const [name = '', count = ''] = process.argv.slice(2)
const subjects = uniform(Number(count))
const window = '1h'
const sliding = slidingWindow({ name: 'a', limit: LIMIT, window })

/** Makes `count` decisions, from position `from` in the order of the subjects. */
type Run = (from: number, count: number) => void | Promise<void>

const CONTENDERS: Readonly<Record<string, () => Run>> = {
  map,
  sliding: () => sluice([sliding]),
  fixed: () => sluice([fixedWindow({ name: 'a', limit: LIMIT, window })]),
  bucket: () => sluice([tokenBucket({ name: 'a', limit: 1_000_000, window: '1s' })]),
  three: () =>
    sluice([sliding, fixedWindow({ name: 'b', limit: LIMIT, window: '1d' }), fixedWindow({ name: 'c', limit: LIMIT, window: '7d' })]),
  flexible,
}

/** The least work of any limiter: look a key up, read the time, compare, add one. */
function map(): Run {
  const counters = new Map<string, { count: number; reset: number }>()
  let refused = 0
  return (from, count) => {
    for (let i = from; i < from + count; i++) {
      const key = subjects.at(i)
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
      const decision = limiter.consume(subjects.at(i))
      if (decision instanceof Promise || !decision.allowed) throw new Error('the limit was reached')
    }
  }
}

function flexible(): Run {
  const limiter = new RateLimiterMemory({ points: LIMIT, duration: HOUR / 1000 })
  return async (from, count) => {
    for (let i = from; i < from + count; i++) await limiter.consume(subjects.at(i))
  }
}

const contender = CONTENDERS[name]
if (contender === undefined) throw new Error(`No contender is named "${name}".`)
const run = contender()
let position = 0
answerParent(async (message) => {
  const order = message as Order
  const cpu = cpuMicros()
  const start = performance.now()
  let decided = 0
  let elapsed = 0
  const isDone = () => (order === 'visit all' ? position >= subjects.period : elapsed >= order)
  for (; !isDone(); elapsed = performance.now() - start) {
    await run(position, CHUNK)
    position += CHUNK
    decided += CHUNK
  }
  return { rate: (decided * 1_000) / elapsed, cpu: (cpuMicros() - cpu) / decided } satisfies Sample
})
