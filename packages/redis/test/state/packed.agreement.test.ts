// Packed state and separate keys give equal outcomes, with their receipts: a few hundred subjects in one bucket, in batches, by a clock
// that also steps back.
import { type Charge, fixedWindow, type Limit, type Outcome, slidingWindow, type Store, tokenBucket } from '@sluice/core'
import { fakeClock } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { charge, failure, rawStore, scanAfterEach, take } from '../support.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
scanAfterEach(
  () => server.client(),
  () => server.call('FLUSHALL'),
  { hasTestClock: true },
)

const SEED = Number(process.env['SLUICE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** The number of batches for each kind of limit. Each has up to 40 decisions. */
const ROUNDS = 80 * Math.max(1, Number(process.env['SLUICE_FUZZ'] ?? 10_000) / 10_000)

/** Pseudo-random numbers of a seed (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

interface Asked {
  readonly do: 'consume' | 'reset'
  readonly charges: readonly Charge[]
  readonly options: Parameters<Store['consume']>[1]
}

const kinds: Readonly<Record<string, readonly Limit[]>> = {
  'fixed windows of a second': [fixedWindow({ name: 'a', limit: 5, window: '1s' }).limit],
  'sliding windows of a second': [slidingWindow({ name: 'a', limit: 5, window: '1s' }).limit],
  'fixed windows of a minute': [fixedWindow({ name: 'a', limit: 9, window: '1m' }).limit],
  'sliding windows of a minute': [slidingWindow({ name: 'a', limit: 9, window: '1m' }).limit],
  'fixed windows of an hour': [fixedWindow({ name: 'a', limit: 9, window: '1h' }).limit],
  'sliding windows of an hour': [slidingWindow({ name: 'a', limit: 9, window: '1h' }).limit],
  'counts above what a small entry holds': [
    slidingWindow({ name: 'a', limit: 9_000_000, window: '1m' }).limit,
    slidingWindow({ name: 'a', limit: 300, window: '1m' }).limit,
  ],
  'windows and a bucket': [
    slidingWindow({ name: 'a', limit: 7, window: '10s' }).limit,
    fixedWindow({ name: 'b', limit: 20, window: '1m' }).limit,
    tokenBucket({ name: 'c', limit: 30, window: '1m' }).limit,
  ],
}

for (const [name, limits] of Object.entries(kinds)) {
  // Redis keeps a small hash packed. A hash of hundreds of subjects is swept in parts.
  for (const subjects of [12, 150, 900]) {
    test(`${name}, ${subjects} subjects (seed ${SEED})`, { timeout: 120_000 }, async () => {
      await walk(limits, subjects, numbers(SEED))
    })
  }
}

/** Each limit has a policy of its own, since packed state has one window limit a policy. */
function apart(one: Charge): Charge {
  return { ...one, scope: `${one.limit.name}+${one.limit.name}.${one.limit.algorithm}` }
}

async function walk(limits: readonly Limit[], subjects: number, random: (below: number) => number): Promise<void> {
  const clock = fakeClock(Date.UTC(2026, 10, 22, 12))
  const options = { clock, partitions: 1 }
  const plain = rawStore({ url: server.url }, { prefix: 'plain', ...options })
  const packed = rawStore({ url: server.url }, { prefix: 'packed', ...options, packed: { subjects: 1 } })
  const held: Charge[] = []
  const one = (): Charge => {
    const limit = limits[random(limits.length)] as Limit
    const cost = limit.limit > 1_000 ? [1, 250, 4_000, 2_000_000][random(4)] : 1 + random(3)
    const subject = random(subjects)
    return apart(charge(subject % 2 === 0 ? String(subject) : `user-${subject}`, limit, cost))
  }
  const all = Array.from({ length: subjects }, (_, i) => apart(charge(i % 2 === 0 ? String(i) : `user-${i}`, limits[0])))
  await Promise.all(
    [plain, packed].map((store) =>
      answers(
        store,
        all.map((first) => ({ do: 'consume', charges: [first], options: {} })),
      ),
    ),
  )
  let furthest = clock.now()
  for (let round = 0; round < ROUNDS; round++) {
    const asked = Array.from({ length: 1 + random(40) }, (): Asked => {
      const kind = random(20)
      if (kind === 0) return { do: 'reset', charges: [one()], options: {} }
      if (kind < 4 && held.length > 0) return { do: 'consume', charges: held.splice(random(held.length), 1), options: {} }
      const charges = Array.from({ length: kind < 8 ? 1 + random(3) : 1 }, one)
      if (kind === 8) return { do: 'consume', charges, options: { how: 'force' } }
      if (kind === 9) return { do: 'consume', charges, options: { how: 'peek' } }
      return { do: 'consume', charges, options: kind === 10 ? { atLeast: 1 } : {} }
    })
    const [expected, actual] = await Promise.all([plain, packed].map((store) => answers(store, asked)))
    expect(actual).toEqual(expected)
    for (const [i, outcomes] of (expected ?? []).entries()) for (const back of giveBacks(asked[i] as Asked, outcomes)) held.push(back)
    held.splice(0, held.length - 200)
    // A store may lose a state that expired a minute ago.
    const window = limits[0]?.window as number
    const steps = [0, 0, random(500), random(window), random(3 * window), 20 * window, -random(4_000), -random(9_000), -random(59_000)]
    clock.set(Math.max(furthest - 59_000, clock.now() + (steps[random(steps.length)] as number)))
    furthest = Math.max(furthest, clock.now())
  }
  await Promise.all([plain.close?.(), packed.close?.()])
}

function answers(store: Store, asked: readonly Asked[]): Promise<readonly unknown[]> {
  return Promise.all(
    asked.map(async ({ do: what, charges, options }) => {
      if (what === 'consume') return take(store, charges, options)
      return failure(store.reset(charges))
    }),
  )
}

/** What a decision took, so that it can be given back. */
function giveBacks({ do: what, charges, options }: Asked, outcomes: unknown): readonly Charge[] {
  if (what === 'reset' || options?.how === 'peek') return []
  return charges.flatMap((charge, i) => {
    const { receipt, granted } = (outcomes as readonly Outcome[])[i] as Outcome
    return receipt === undefined || granted < 1 ? [] : [{ ...charge, cost: -granted, receipt }]
  })
}
