// The local path beside its bounds and a peer, in one run: `node --conditions=source bench/memory.ts [rounds] [ms]`.
import { createLimiter, fixedWindow, slidingWindow, tokenBucket, type LimitRule } from '@sluice/core'
import { RateLimiterMemory } from 'rate-limiter-flexible'

const ROUNDS = Number(process.argv[2] ?? 7)
const MS = Number(process.argv[3] ?? 400)
const SUBJECTS = Number(process.env['SUBJECTS'] ?? 100_000)
const LIMIT = 1_000_000_000

const subjects = Array.from({ length: SUBJECTS }, (_, i) => `user:${i}`)
// The same order in every lane.
const order = new Uint32Array(1 << 20)
let seed = 42
for (let i = 0; i < order.length; i++) {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  order[i] = Math.floor((seed / 2 ** 32) * SUBJECTS)
}
const at = (i: number): string => subjects[order[i & (order.length - 1)] as number] as string

type Lane = { readonly name: string; readonly run: (from: number, count: number) => void | Promise<void> }

const bound = (): Lane => {
  const map = new Map<string, { count: number; reset: number }>()
  let refused = 0
  return {
    name: 'bare Map',
    run(from, count) {
      for (let i = from; i < from + count; i++) {
        const key = at(i)
        const now = Date.now()
        const entry = map.get(key)
        if (entry === undefined || now >= entry.reset) map.set(key, { count: 1, reset: now + 60_000 })
        else if (entry.count < LIMIT) entry.count += 1
        else refused += 1
      }
      if (refused > 0) throw new Error('a limit was reached')
    },
  }
}

const sluice = (name: string, limits: readonly LimitRule<string>[]): Lane => {
  const limiter = createLimiter({ name: name.replaceAll(/\W+/g, '-'), limits })
  return {
    name,
    run(from, count) {
      for (let i = from; i < from + count; i++) {
        const decision = limiter.consume(at(i))
        if (decision instanceof Promise || !decision.allowed) throw new Error('a limit was reached')
      }
    },
  }
}

const peer = (): Lane => {
  const limiter = new RateLimiterMemory({ points: LIMIT, duration: 60 })
  return {
    name: 'rate-limiter-flexible',
    async run(from, count) {
      for (let i = from; i < from + count; i++) await limiter.consume(at(i))
    },
  }
}

const w = '1m' as const
const L = 100_000_000
const lanes: readonly Lane[] = [
  bound(),
  sluice('sliding window', [slidingWindow({ name: 'a', limit: L, window: w })]),
  sluice('fixed window', [fixedWindow({ name: 'a', limit: L, window: w })]),
  sluice('token bucket', [tokenBucket({ name: 'a', limit: 1_000_000, window: '1s' })]),
  sluice('three limits', [
    slidingWindow({ name: 'a', limit: L, window: w }),
    fixedWindow({ name: 'b', limit: L, window: '1h' }),
    fixedWindow({ name: 'c', limit: L, window: '1d' }),
  ]),
  peer(),
]
const CHUNK = 2_000
async function rate(lane: Lane, ms: number): Promise<number> {
  const start = performance.now()
  let count = 0
  while (performance.now() - start < ms) {
    await lane.run(count, CHUNK)
    count += CHUNK
  }
  return count / ((performance.now() - start) / 1000)
}
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number

for (const lane of lanes) await rate(lane, 600)
const rates = lanes.map(() => [] as number[])
for (let round = 0; round < ROUNDS; round++) for (const [i, lane] of lanes.entries()) rates[i]?.push(await rate(lane, MS))
for (const [i, lane] of lanes.entries()) {
  const own = rates[i] as number[]
  const ratio = median(own.map((value, round) => value / (rates[0]?.[round] as number)))
  console.log(`${lane.name.padEnd(24)} ${Math.round(median(own)).toLocaleString('en').padStart(12)}/s  ${ratio.toFixed(2)} of the bare Map`)
}
