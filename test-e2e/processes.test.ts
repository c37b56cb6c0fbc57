// Four processes with 64 requests in flight each, on one Redis: together they are admitted exactly what one process would be.
// SLUICE_PROCESSES_SECONDS=10 runs each case for that long.
import { concurrency, fixedWindow, leakyBucket, type Limit, slidingLog, slidingWindow, tokenBucket } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { type RedisCluster, type RedisServer, startCluster, startRedis, ttlViolations } from '@sluice/testing/redis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Decided, type ProcessGroup, historiesOf, type Job, startProcesses } from './support/processes/processes.ts'
import { differenceOf, sharedMicros, violationsOf } from './support/processes/check-history.ts'

const PROCESSES = 4
const IN_FLIGHT = 64
const seconds = Number(process.env['SLUICE_PROCESSES_SECONDS'] ?? 1)

/** Limits that refuse a good part of the load: first for one hot subject, then for a thousand subjects. */
const limits = {
  fixedWindow: [fixedWindow({ name: 'fixed', limit: 1_000, window: '200ms' }), fixedWindow({ name: 'fixed', limit: 3, window: '200ms' })],
  slidingWindow: [
    slidingWindow({ name: 'sliding', limit: 1_000, window: '200ms' }),
    slidingWindow({ name: 'sliding', limit: 3, window: '200ms' }),
  ],
  slidingLog: [slidingLog({ name: 'log', limit: 50, window: '100ms' }), slidingLog({ name: 'log', limit: 3, window: '200ms' })],
  tokenBucket: [
    tokenBucket({ name: 'token', limit: 5_000, window: '1s', burst: 500 }),
    tokenBucket({ name: 'token', limit: 10, window: '1s', burst: 3 }),
  ],
  'leakyBucket (meter)': [
    // Rates that do not divide evenly.
    leakyBucket({ name: 'meter', limit: 4_999, window: '1s', burst: 300 }),
    leakyBucket({ name: 'meter', limit: 7, window: '1s', burst: 3 }),
  ],
  'leakyBucket (queue)': [
    leakyBucket({ name: 'queue', limit: 4_999, window: '1s', queue: true, maxDelay: '50ms' }),
    leakyBucket({ name: 'queue', limit: 7, window: '1s', queue: true, maxDelay: '400ms' }),
  ],
  concurrency: [concurrency({ name: 'slots', limit: 20, ttl: '100ms' }), concurrency({ name: 'slots', limit: 1, ttl: '100ms' })],
} as const
const populations = [1, 1_000] as const

interface Row {
  readonly decisions: number
  readonly 'per second': number
  readonly admitted: number
  readonly refused: number
  readonly releases: number
  readonly 'shared µs': number
}
const table: Record<string, Row> = {}
let group: ProcessGroup

beforeAll(() => {
  group = startProcesses(PROCESSES)
})
afterAll(() => {
  group.stop()
  console.table(table)
})

async function prove(name: string, redis: Job['redis'], limit: Limit, subjects: number): Promise<void> {
  const milliseconds = 1000 * seconds
  const logs = await group.run({ redis, limit, scope: `processes/${name}/${subjects}`, subjects, inFlight: IN_FLIGHT, milliseconds })
  const histories = historiesOf(logs)

  const all = logs.flat()
  const taken = all.filter(({ cost }) => cost > 0)
  const admitted = taken.filter(({ allowed }) => allowed).length
  const shared = histories.reduce((sum, history) => sum + sharedMicros(history), 0)
  const row = { decisions: all.length, 'per second': Math.round(all.length / seconds), admitted, refused: taken.length - admitted }
  table[`${name}, ${subjects}`] = { ...row, releases: all.length - taken.length, 'shared µs': shared }

  expect(histories.flatMap((history) => violationsOf(limit, history))).toEqual([])
  expect(histories.map((history) => differenceOf(limit, history)).filter((found) => found !== undefined)).toEqual([])
  // Every process took part, and the limit refused some.
  for (const log of logs) expect(log.length).toBeGreaterThan(IN_FLIGHT)
  expect(Math.min(admitted, taken.length - admitted)).toBeGreaterThan(20)
}

/** ms. No state lives longer. */
const LONGEST_STATE = 1_000
const expectNoLastingKey = async (client: Parameters<typeof ttlViolations>[0]) =>
  expect(await ttlViolations(client, { bound: () => LONGEST_STATE, ignore: (key) => key === 'sluice:{meta}' })).toEqual([])

describe('the checks of a history', () => {
  const { limit } = fixedWindow({ name: 'fixed', limit: 1, window: '1m' })
  const decided = (process: number, at: number, allowed: boolean): Decided => {
    const fields = { at, allowed, granted: Number(allowed), remaining: 0, delay: 0 }
    return { subject: 0, cost: 1, releases: undefined, process, index: 0, ...fields }
  }

  test('find one decision too many admitted', () => {
    const history = [decided(0, 10, true), decided(1, 20, true)]
    expect(violationsOf(limit, history)).not.toEqual([])
    expect(differenceOf(limit, history)).toContain('decision 1: allowed: expected false, got true')
  })
  test('find one decision too many refused', () => {
    const history = [decided(0, 10, true), decided(1, 60_000_010, false)]
    expect(violationsOf(limit, history)).toEqual([])
    expect(differenceOf(limit, history)).toContain('decision 1: allowed: expected true, got false')
  })
  test('accept any order of two processes within one µs, and no other reordering', () => {
    expect(differenceOf(limit, [decided(0, 10, false), decided(1, 10, true)])).toBeUndefined()
    expect(differenceOf(limit, [decided(0, 10, false), decided(1, 11, true)])).toContain('decision 0')
    expect(differenceOf(limit, [decided(0, 10, true), decided(1, 10, true)])).toContain('expected false, got true')
  })
})

describe('four processes on one Redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  afterEach(() => expectNoLastingKey(server.client()))

  describe.each(Object.entries(limits))('%s', (name, [hot, spread]) => {
    test.each(populations)('subjects: %i', (subjects) => prove(name, { url: server.url }, (subjects === 1 ? hot : spread).limit, subjects))
  })
})

describe('four processes on a Redis Cluster of three', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.stop())
  afterEach(() => expectNoLastingKey(cluster.client()))

  describe.each(['slidingWindow', 'tokenBucket'] as const)('%s', (name) => {
    test.each(populations)('subjects: %i', (subjects) => {
      const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
      return prove(`${name}, cluster`, { cluster: nodes }, limits[name][subjects === 1 ? 0 : 1].limit, subjects)
    })
  })

  test('the first requests of a process reach every node', async () => {
    const store = redisStore({ cluster: cluster.nodes.map(({ host, port }) => ({ host, port })) }, { failover: false })
    const { limit } = slidingWindow({ name: 'minute', limit: 10, window: '500ms' })
    const requests = Array.from({ length: 200 }, (_, i) => store.consume([{ limit, scope: 'first', subject: String(i), cost: 1 }]))
    const rejected = (await Promise.allSettled(requests)).flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []))
    await store.close?.()
    expect(new Set(rejected)).toEqual(new Set())
  })
})
