// Leases and the deny cache under trouble: four processes on one hot subject and one Redis, stopped (SIGSTOP), killed (SIGKILL),
// their replies lost, their limits changed. What they are admitted keeps within the stated bound over every interval.
// SLUICE_FLEET_SECONDS=20 runs each case for that long.
import { fixedWindow, type Limit, slidingWindow, tokenBucket } from '@sluice/core'
import { type Admission, checkEnvelope } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Line, type Trouble, troubledFleet } from './support/layers-fleet.ts'

const PROCESSES = 4
const TTL = 250
const seconds = Number(process.env['SLUICE_FLEET_SECONDS'] ?? 3)
const table: Record<string, object> = {}

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(async () => {
  await server.stop()
  console.table(table)
})

async function run(name: string, limits: readonly Limit[], signal: AbortSignal): Promise<readonly Line[]> {
  const end = performance.now() + 1_000 * seconds
  const job = { limits, each: 300, scope: `fleet/${name}`, inFlight: 8 }
  const isEnough = (lines: readonly Line[], { stopped, killed, lost }: Trouble): boolean => {
    const spent = lines.filter(({ source }) => source === 'lease').length
    const known = lines.filter(({ source }) => source === 'deny-cache').length
    return performance.now() > end && Math.min(spent, known) > 200 && Math.min(stopped, killed, lost) > 0 && stopped > 4
  }
  const { lines, trouble } = await troubledFleet(server, PROCESSES, job, isEnough, signal)
  table[name] = { ...counted(lines), ...trouble } satisfies Trouble
  return lines.filter(({ granted }) => granted > 0)
}

function counted(lines: readonly Line[]) {
  const of = (source: string) =>
    lines.filter((line) => line.source === source && line.granted > 0).reduce((sum, { granted }) => sum + granted, 0)
  return {
    decisions: lines.length,
    'by Redis': of('redis'),
    'by lease': of('lease'),
    'deny cache': lines.filter(({ source }) => source === 'deny-cache').length,
  }
}

/** By the time that the outcomes tell, and by the clock of the machine on which Redis runs too. */
const clocks = {
  told: (lines: readonly Line[]): readonly Admission[] => lines.map(({ at, granted }) => ({ at, units: granted })),
  machine: (lines: readonly Line[]): readonly Admission[] =>
    lines.map(({ at, now, granted, source }) => ({ at: source === 'lease' ? now : at, units: granted })),
}

/** M = min(2·rate·ℓ, B/10). */
const ceilingOf = (rate: number, burst: number): number => Math.floor(Math.min((2 * rate * TTL) / 1_000, burst / 10))

describe('a hot subject on four processes in trouble', { timeout: 300_000 }, () => {
  test('a bucket admits A(a,b) ≤ B + rate·(b − a) + min(rate·ℓ, M)', async ({ signal }) => {
    const { limit } = tokenBucket({ name: 'token', limit: 400, window: '1s', burst: 800 })
    const admitted = await run('tokenBucket', [limit], signal)
    const burst = 800 + Math.min((400 * TTL) / 1_000, ceilingOf(400, 800))
    for (const clock of Object.values(clocks)) expect(checkEnvelope({ ...limit, burst }, clock(admitted))).toEqual([])
  })

  test('a fixed window admits not one more than without leases', async ({ signal }) => {
    const { limit } = fixedWindow({ name: 'fixed', limit: 300, window: '1s' })
    const admitted = await run('fixedWindow', [limit], signal)
    for (const clock of Object.values(clocks)) expect(checkEnvelope(limit, clock(admitted))).toEqual([])
  })

  test('a sliding window admits not one more than without leases', async ({ signal }) => {
    const { limit } = slidingWindow({ name: 'sliding', limit: 300, window: '1s' })
    const admitted = await run('slidingWindow', [limit], signal)
    for (const clock of Object.values(clocks)) expect(checkEnvelope(limit, clock(admitted))).toEqual([])
  })

  test('under limits that change, a bucket admits Σ cost/rate ≤ max(B/rate) + t + ℓ', async ({ signal }) => {
    const limits = [400, 200].map((rate) => tokenBucket({ name: 'token', limit: rate, window: '1s', burst: 800 }).limit)
    const admitted = await run('tokenBucket, changing', limits, signal)
    // Units as the µs that they take at the rate of their limit: 800 of the slower one are 4 s.
    for (const clock of Object.values(clocks)) {
      const taken = clock(admitted).map(({ at, units }, i) => ({ at, units: units * (admitted[i]?.limit === 0 ? 2_500 : 5_000) }))
      const { limit } = tokenBucket({ name: 'time', limit: 1_000, window: 1, burst: 4_000_000 + TTL * 1_000 })
      expect(checkEnvelope(limit, taken)).toEqual([])
    }
  })

  test('under limits that change, a window admits at most the larger', async ({ signal }) => {
    const limits = [300, 200].map((most) => fixedWindow({ name: 'fixed', limit: most, window: '1s' }).limit)
    const admitted = await run('fixedWindow, changing', limits, signal)
    for (const clock of Object.values(clocks)) expect(checkEnvelope(limits[0] as Limit, clock(admitted))).toEqual([])
  })
})
