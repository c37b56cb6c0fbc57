// The Redis path beside a peer and the bare bound, in one run: `node --conditions=source bench/redis.ts [rounds] [ms]`.
import { createLimiter, fixedWindow, type LimitRule, slidingWindow } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { startRedis } from '@sluice/testing/redis'
import { Redis } from 'ioredis'
import { RateLimiterRedis } from 'rate-limiter-flexible'

const ROUNDS = Number(process.argv[2] ?? 5)
const MS = Number(process.argv[3] ?? 700)
const SUBJECTS = 100_000
const FLIGHT = 256
const L = 1_000_000
const server = await startRedis()
const random = (): string => `user:${Math.floor(Math.random() * SUBJECTS)}`

interface Lane {
  readonly name: string
  readonly ask: () => Promise<unknown>
}
const store = redisStore({ url: server.url })
const sluice = (name: string, limits: readonly LimitRule<string>[]): Lane => {
  const limiter = createLimiter({ name: name.replaceAll(/\W+/g, '-'), limits, store })
  return { name, ask: async () => limiter.consume(random()) }
}
const bare = new Redis(server.url)
const client = new Redis(server.url, { enableOfflineQueue: false })
await new Promise((resolve) => client.once('ready', resolve))
const flexible = new RateLimiterRedis({ storeClient: client, points: L, duration: 60, keyPrefix: 'rlf' })

const lanes: readonly Lane[] = [
  { name: 'rate-limiter-flexible', ask: () => flexible.consume(random()) },
  sluice('sliding window', [slidingWindow({ name: 'a', limit: L, window: '1m' })]),
  sluice('fixed window', [fixedWindow({ name: 'a', limit: L, window: '1m' })]),
  sluice('three limits', [
    slidingWindow({ name: 'a', limit: L, window: '1m' }),
    fixedWindow({ name: 'b', limit: L, window: '1h' }),
    fixedWindow({ name: 'c', limit: L, window: '1d' }),
  ]),
  { name: 'bare INCR', ask: () => bare.incr(random()) },
]

interface Turn {
  readonly rate: number
  /** µs of CPU a decision. */
  readonly client: number
  readonly server: number
  readonly p99: number
}

async function turn(lane: Lane): Promise<Turn> {
  const serverBefore = await serverMicros()
  const before = process.cpuUsage()
  const start = performance.now()
  const waits: number[] = []
  let count = 0
  await Promise.all(
    Array.from({ length: FLIGHT }, async () => {
      for (;;) {
        const asked = performance.now()
        if (asked - start > MS) break
        await lane.ask()
        waits.push(performance.now() - asked)
        count += 1
      }
    }),
  )
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(before)
  waits.sort((a, b) => a - b)
  return {
    rate: count / seconds,
    client: (user + system) / count,
    server: ((await serverMicros()) - serverBefore) / count,
    p99: waits[Math.floor(waits.length * 0.99)] as number,
  }
}
async function serverMicros(): Promise<number> {
  const said = await bare.info('cpu')
  const of = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(said)?.[1])
  return 1e6 * (of('used_cpu_user') + of('used_cpu_sys'))
}
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number

for (const lane of lanes) await turn(lane)
const turns = lanes.map(() => [] as Turn[])
for (let round = 0; round < ROUNDS; round++) for (const [i, lane] of lanes.entries()) turns[i]?.push(await turn(lane))
for (const [i, lane] of lanes.entries()) {
  const own = turns[i] as Turn[]
  const of = (pick: (turn: Turn) => number) => median(own.map(pick))
  const ratio = median(own.map(({ rate }, round) => rate / (turns[0]?.[round] as Turn).rate))
  console.log(
    `${lane.name.padEnd(24)} ${Math.round(of((t) => t.rate))
      .toLocaleString('en')
      .padStart(
        10,
      )}/s  ${ratio.toFixed(2)}  client ${of((t) => t.client).toFixed(1)} µs  server ${of((t) => t.server).toFixed(1)} µs  p99 ${of((t) => t.p99).toFixed(1)} ms`,
  )
}
await store.close?.()
bare.disconnect()
client.disconnect()
await server.stop()
