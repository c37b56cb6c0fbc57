// Bytes for each subject in Redis: the memory of a fresh server before and after a million subjects, with keys and expiries.
// `node --conditions=source bench/redis-bytes.ts [subjects] [part of a state's name]` prints the tables of docs/redis.md.
import * as core from '@sluice/core'
import type { LimitRule } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { startRedis } from '@sluice/testing/redis'

interface State {
  readonly name: string
  readonly rules: readonly LimitRule<string>[]
  /** Further charges of each subject. The result is then the bytes of each of them. Default 0: the bytes of a subject with one charge. */
  readonly further?: number
  /** The form of the subjects in packed state. Default: not packed. */
  readonly packed?: 'ids' | 'UUIDs'
  /** Windows in which each subject is charged; default 1. */
  readonly windows?: number
}

export interface Measured {
  readonly name: string
  readonly bytes: number
  readonly key: string
  readonly value: string
}

type Server = Awaited<ReturnType<typeof startRedis>>

/** Subjects of one call, and calls in flight. */
const SUBJECTS_PER_CALL = 8
const CALLS = 16
const HOUR = 3_600_000
/** ms. A slow reply of a busy machine is no failure here. */
const COMMAND_TIMEOUT = 60_000
const START = Date.UTC(2026, 11, 1)

const hourly = { name: 'hour', limit: 100, window: '1h' } as const
const holders = { name: 'hour', limit: 100, ttl: '1h' } as const
const STATES: readonly State[] = [
  { name: 'fixedWindow', rules: [core.fixedWindow(hourly)] },
  { name: 'slidingWindow', rules: [core.slidingWindow(hourly)] },
  {
    name: 'slidingWindow and two of fixedWindow',
    rules: [
      core.slidingWindow(hourly),
      core.fixedWindow({ ...hourly, name: 'day', window: '1d' }),
      core.fixedWindow({ ...hourly, name: 'week', window: '7d' }),
    ],
  },
  { name: 'slidingLog, one entry', rules: [core.slidingLog(hourly)] },
  { name: 'slidingLog, each further entry', rules: [core.slidingLog(hourly)], further: 9 },
  { name: 'tokenBucket', rules: [core.tokenBucket({ ...hourly, limit: 1 })] },
  { name: 'tokenBucket, with a remainder', rules: [core.tokenBucket({ ...hourly, limit: 77 })] },
  { name: 'leakyBucket', rules: [core.leakyBucket({ ...hourly, limit: 60, queue: true, maxDelay: '1h' })] },
  { name: 'concurrency, one holder', rules: [core.concurrency(holders)] },
  { name: 'concurrency, each further holder', rules: [core.concurrency(holders)], further: 9 },
  { name: 'fixedWindow, packed, 8-digit ids', rules: [core.fixedWindow(hourly)], packed: 'ids' },
  { name: 'fixedWindow, packed, UUIDs', rules: [core.fixedWindow(hourly)], packed: 'UUIDs' },
  { name: 'slidingWindow, packed, 8-digit ids, two windows', rules: [core.slidingWindow(hourly)], packed: 'ids', windows: 2 },
  { name: 'slidingWindow, packed, UUIDs, two windows', rules: [core.slidingWindow(hourly)], packed: 'UUIDs', windows: 2 },
]

if (import.meta.main) {
  const [subjects = '1000000', only = ''] = process.argv.slice(2)
  console.log('| state | bytes | a key | its value |\n|---|---:|---|---|')
  for await (const { name, bytes, key, value } of measureStates(Number(subjects), only)) {
    const isWhole = !name.includes('further')
    const digits = isWhole && !name.includes('packed') ? 0 : 1
    console.log(`| ${name} | ${bytes.toFixed(digits)} | ${isWhole ? `\`${key}\`` : ''} | ${isWhole ? value : ''} |`)
  }
}

/** Measures the states whose names contain `only`, each on a server of its own. */
export async function* measureStates(subjects: number, only = ''): AsyncGenerator<Measured> {
  for (const state of STATES.filter(({ name }) => name.includes(only))) {
    const server = await startRedis()
    try {
      yield await measure(state, subjects, server)
    } finally {
      await server.stop()
    }
  }
}

async function measure({ name, rules, further = 0, packed, windows = 1 }: State, count: number, server: Server): Promise<Measured> {
  // The server's own clock serves one window; a second one needs a clock that can be set.
  let hours = 0
  const clock = { now: () => START + hours * HOUR }
  const options = { failover: false, denyCache: false, ...(windows === 1 ? {} : { clock }) } as const
  const store = redisStore(
    server.client({ commandTimeout: COMMAND_TIMEOUT }),
    packed === undefined ? options : { ...options, packed: { subjects: count } },
  )
  const subjectOf = packed === 'UUIDs' ? uuid : (id: number) => String(10_000_000 + id)
  const fill = async (policy: string, subjects: number, times: number): Promise<void> => {
    const pending = new Set<Promise<void>>()
    for (let first = 0; first < subjects * times; first += SUBJECTS_PER_CALL) {
      const ids = Array.from({ length: Math.min(SUBJECTS_PER_CALL, subjects * times - first) }, (_, i) => (first + i) % subjects)
      const charges = ids.flatMap((id) =>
        rules.map(({ limit }) => ({ limit, scope: `${policy}+${limit.name}.${limit.algorithm}`, subject: subjectOf(id), cost: 1 })),
      )
      const call = Promise.resolve(store.consume(charges))
      const done = call.then((outcomes) => {
        pending.delete(done)
        if (!outcomes.every((outcome) => outcome?.allowed)) throw new Error(`${name}: refused`)
      })
      pending.add(done)
      if (pending.size === CALLS) await Promise.race(pending)
    }
    await Promise.all(pending)
  }
  // Loads the script and opens the connection, which take memory too.
  await fill('first', 1, 1)
  // A tenth of the subjects is enough where each has ten entries.
  const subjects = further === 0 ? count : count / 10
  if (further > 0) await fill('default', subjects, 1)
  const before = await usedBytes(server)
  for (; hours < windows; hours++) await fill('default', subjects, Math.max(1, further))
  const bytes = ((await usedBytes(server)) - before) / (subjects * Math.max(1, further))
  await store.close?.()
  const key = await anyKey(server)
  if ((await server.call('PTTL', key)) === -1) throw new Error(`${key} has no expiry`)
  return { name, bytes, key, value: await describe(server, key) }
}

async function describe(server: Server, key: string): Promise<string> {
  const type = await server.call('TYPE', key)
  if (type === 'hash') return `a hash of ${Number(await server.call('HLEN', key))}`
  if (type === 'zset') return `a sorted set of ${Number(await server.call('ZCARD', key))}`
  return `${Number(await server.call('STRLEN', key))} bytes`
}

function uuid(id: number): string {
  const hex = (id * 2_654_435_761).toString(16).padStart(20, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4000-8000-${hex.slice(8)}`
}

async function usedBytes(server: Server): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(String(await server.call('INFO', 'memory')))?.[1])
}

/** A key of the measured subjects. */
async function anyKey(server: Server): Promise<string> {
  for (;;) {
    const key = String(await server.call('RANDOMKEY'))
    if (/:default[:+]/.test(key)) return key
  }
}
