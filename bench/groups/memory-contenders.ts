// What memory.ts and subjects.ts measure, each as a function that makes many decisions.
import { createLimiter, fixedWindow, type LimitRule, memoryStore, slidingWindow, tokenBucket } from '@sluice/core'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { Order } from '../measure/process.ts'
import { cpuMicros, type Sample } from '../measure/rounds.ts'
import type { Subjects } from '../measure/subjects.ts'

/** Out of reach, so that every decision admits. */
const LIMIT = 100_000_000
/** Decisions between two readings of the clock. */
const CHUNK = 1_000
const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Makes `count` decisions, from position `from` in the order of the subjects. */
export type Run = (subjects: Subjects, from: number, count: number) => void | Promise<void>

const sliding = slidingWindow({ name: 'a', limit: LIMIT, window: '1h' })
const WINDOWS_OF_THREE = [HOUR, DAY, 7 * DAY]

const CONTENDERS: Readonly<Record<string, () => Run>> = {
  map,
  mapThree,
  sliding: () => sluice([sliding]),
  awaited: () => sluiceAwaited([sliding]),
  fixed: () => sluice([fixedWindow({ name: 'a', limit: LIMIT, window: '1h' })]),
  bucket: () => sluice([tokenBucket({ name: 'a', limit: 1_000_000, window: '1s' })]),
  three: () =>
    sluice([sliding, fixedWindow({ name: 'b', limit: LIMIT, window: '1d' }), fixedWindow({ name: 'c', limit: LIMIT, window: '7d' })]),
  flexible,
  flexibleThree,
}

/** A contender by its name, as a function that obeys an order. */
export function memoryContender(name: string, subjects: Subjects): (order: Order) => Promise<Sample> {
  const run = CONTENDERS[name]?.()
  if (run === undefined) throw new Error(`No contender is named "${name}".`)
  return inTurns(run, subjects)
}

/** A function that obeys an order: it makes decisions for so long, or one for each subject. */
export function inTurns(run: Run, subjects: Subjects): (order: Order) => Promise<Sample> {
  let position = 0
  return async (order) => {
    const cpu = cpuMicros()
    const start = performance.now()
    let decided = 0
    let elapsed = 0
    const isDone = () => (order === 'visit all' ? position >= subjects.names.length : elapsed >= order)
    for (; !isDone(); elapsed = performance.now() - start) {
      await run(subjects, position, CHUNK)
      position += CHUNK
      decided += CHUNK
    }
    return { rate: (decided * 1_000) / elapsed, cpu: (cpuMicros() - cpu) / decided }
  }
}

/** The least work of any limiter: look a key up, read the time, compare, add one. */
function map(): Run {
  const counters = new Map<string, { count: number; reset: number }>()
  let refused = 0
  return (subjects, from, count) => {
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

/** The least work of any limiter with three limits: one look-up and one reading of the time for three counters. */
function mapThree(): Run {
  const counters = new Map<string, { count: number; reset: number }[]>()
  let refused = 0
  return (subjects, from, count) => {
    for (let i = from; i < from + count; i++) {
      const key = subjects.at(i)
      const now = Date.now()
      const three = counters.get(key)
      if (three === undefined) {
        counters.set(
          key,
          WINDOWS_OF_THREE.map((window) => ({ count: 1, reset: now + window })),
        )
        continue
      }
      for (let j = 0; j < three.length; j++) {
        const counter = three[j] as { count: number; reset: number }
        if (now >= counter.reset) {
          counter.count = 1
          counter.reset = now + (WINDOWS_OF_THREE[j] as number)
        } else if (counter.count < LIMIT) counter.count += 1
        else refused += 1
      }
    }
    if (refused > 0) throw new Error('the limit was reached')
  }
}

function sluice(limits: readonly LimitRule<string>[]): Run {
  const limiter = createLimiter({ limits, store: memoryStore({ maxSubjects: 16_000_000 }) })
  return (subjects, from, count) => {
    for (let i = from; i < from + count; i++) {
      const decision = limiter.consume(subjects.at(i))
      if (decision instanceof Promise || !decision.allowed) throw new Error('the limit was reached')
    }
  }
}

/** As an application calls it that does not know which store it has. */
function sluiceAwaited(limits: readonly LimitRule<string>[]): Run {
  const limiter = createLimiter({ limits, store: memoryStore({ maxSubjects: 16_000_000 }) })
  return async (subjects, from, count) => {
    for (let i = from; i < from + count; i++) {
      const { allowed } = await limiter.consume(subjects.at(i))
      if (!allowed) throw new Error('the limit was reached')
    }
  }
}

function flexible(): Run {
  const limiter = new RateLimiterMemory({ points: LIMIT, duration: HOUR / 1_000 })
  return async (subjects, from, count) => {
    for (let i = from; i < from + count; i++) await limiter.consume(subjects.at(i))
  }
}

/** Its union of three limiters takes longer than three calls. Neither charges all limits or none. */
function flexibleThree(): Run {
  const [first, second, third] = WINDOWS_OF_THREE.map(
    (window, i) => new RateLimiterMemory({ points: LIMIT, duration: window / 1_000, keyPrefix: `limit${i}` }),
  ) as [RateLimiterMemory, RateLimiterMemory, RateLimiterMemory]
  return async (subjects, from, count) => {
    for (let i = from; i < from + count; i++) {
      const subject = subjects.at(i)
      await first.consume(subject)
      await second.consume(subject)
      await third.consume(subject)
    }
  }
}
