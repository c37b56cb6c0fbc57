// Leases and the deny cache under disturbances: four processes on one hot subject are stopped (SIGSTOP), killed (SIGKILL), lose
// replies, and change their limits. What they are admitted stays within the documented bound over every interval.
// SLUICE_PROCESSES_SECONDS=20 runs each case for that long.
import { fixedWindow, type Limit, slidingWindow, tokenBucket } from '@sluice/core'
import { type Admission, checkEnvelope } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LoggedOutcome, type Disturbances, runDisturbed } from './support/layers/disturbed-processes.ts'

const PROCESSES = 4
const TTL = 250
const seconds = Number(process.env['SLUICE_PROCESSES_SECONDS'] ?? 3)
/** Of a lease and of the deny cache. Both are rare where processes are disturbed many times a second. */
const DECISIONS = process.env['SLUICE_FAULTS'] === 'full' ? 200 : 60
const table: Record<string, object> = {}

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(async () => {
  await server.stop()
  console.table(table)
})

async function run(name: string, limits: readonly Limit[], signal: AbortSignal): Promise<readonly LoggedOutcome[]> {
  const end = performance.now() + 1_000 * seconds
  const job = { limits, each: 300, scope: `layers/${name}`, inFlight: 8 }
  const isEnough = (lines: readonly LoggedOutcome[], { stopped, killed, lost }: Disturbances): boolean => {
    const leased = lines.filter(({ source }) => source === 'lease').length
    const denied = lines.filter(({ source }) => source === 'deny-cache').length
    return performance.now() > end && Math.min(leased, denied) > DECISIONS && Math.min(stopped, killed, lost) > 0 && stopped > 4
  }
  const { lines, disturbances } = await runDisturbed(server, PROCESSES, job, isEnough, signal)
  table[name] = { ...counted(lines), ...disturbances } satisfies Disturbances
  return lines.filter(({ granted }) => granted > 0)
}

function counted(lines: readonly LoggedOutcome[]) {
  const of = (source: string) =>
    lines.filter((line) => line.source === source && line.granted > 0).reduce((sum, { granted }) => sum + granted, 0)
  return {
    decisions: lines.length,
    'by Redis': of('redis'),
    'by lease': of('lease'),
    'deny cache': lines.filter(({ source }) => source === 'deny-cache').length,
  }
}

/** The admissions by the time of the outcomes, and by the clock of this machine, on which Redis runs too. */
const clocks = {
  outcome: (lines: readonly LoggedOutcome[]): readonly Admission[] => lines.map(({ at, granted }) => ({ at, units: granted })),
  machine: (lines: readonly LoggedOutcome[]): readonly Admission[] =>
    lines.map(({ at, now, granted, source }) => ({ at: source === 'lease' ? now : at, units: granted })),
}

/** The most units that may be leased: M = min(2·rate·ℓ, B/10). */
const ceilingOf = (rate: number, burst: number): number => Math.floor(Math.min((2 * rate * TTL) / 1_000, burst / 10))

describe('a hot subject on four disturbed processes', { timeout: 300_000 }, () => {
  test('a bucket admits A(a,b) ≤ B + rate·(b − a) + min(rate·ℓ, M)', async ({ signal }) => {
    const { limit } = tokenBucket({ name: 'token', limit: 400, window: '1s', burst: 800 })
    const admitted = await run('tokenBucket', [limit], signal)
    const burst = 800 + Math.min((400 * TTL) / 1_000, ceilingOf(400, 800))
    for (const clock of Object.values(clocks)) expect(checkEnvelope({ ...limit, burst }, clock(admitted))).toEqual([])
  })

  test('a fixed window admits no more than without leases', async ({ signal }) => {
    const { limit } = fixedWindow({ name: 'fixed', limit: 300, window: '1s' })
    const admitted = await run('fixedWindow', [limit], signal)
    for (const clock of Object.values(clocks)) expect(checkEnvelope(limit, clock(admitted))).toEqual([])
  })

  test('a sliding window admits no more than without leases', async ({ signal }) => {
    const { limit } = slidingWindow({ name: 'sliding', limit: 300, window: '1s' })
    const admitted = await run('slidingWindow', [limit], signal)
    for (const clock of Object.values(clocks)) expect(checkEnvelope(limit, clock(admitted))).toEqual([])
  })

  test('while limits change, a bucket admits Σ cost/rate ≤ max(B/rate) + t + ℓ', async ({ signal }) => {
    const limits = [400, 200].map((rate) => tokenBucket({ name: 'token', limit: rate, window: '1s', burst: 800 }).limit)
    const admitted = await run('tokenBucket, changing', limits, signal)
    // Counts µs instead of units: a unit takes 2,500 µs or 5,000 µs at the rate of its limit.
    for (const clock of Object.values(clocks)) {
      const taken = clock(admitted).map(({ at, units }, i) => ({ at, units: units * (admitted[i]?.limit === 0 ? 2_500 : 5_000) }))
      const { limit } = tokenBucket({ name: 'time', limit: 1_000, window: 1, burst: 4_000_000 + TTL * 1_000 })
      expect(checkEnvelope(limit, taken)).toEqual([])
    }
  })

  test('while limits change, a window admits at most the larger limit', async ({ signal }) => {
    const limits = [300, 200].map((most) => fixedWindow({ name: 'fixed', limit: most, window: '1s' }).limit)
    const admitted = await run('fixedWindow, changing', limits, signal)
    for (const clock of Object.values(clocks)) expect(checkEnvelope(limits[0] as Limit, clock(admitted))).toEqual([])
  })
})
