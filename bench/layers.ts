// What the layers in front of Redis give: decisions a second of one process on one subject, with a layer and without.
// `node --conditions=source bench/layers.ts [rounds] [ms]`. Lanes take turns in each round, in an order that rotates.
import { cpus } from 'node:os'
// Not a package of the workspace, so by path.
import { denyCache, type Limit, leases, slidingWindow, type Store, tokenBucket } from '../packages/core/src/index.ts'
import { redisStore } from '../packages/redis/src/index.ts'
import { startRedis } from '../packages/testing/src/redis/index.ts'

const ROUNDS = Number(process.argv[2] ?? 5)
const TURN_MS = Number(process.argv[3] ?? 1_000)
const IN_FLIGHT = 64

interface Lane {
  readonly name: string
  readonly store: Store
  readonly limit: Limit
  readonly subject: string
}

const server = await startRedis()
const bare = () => redisStore({ url: server.url }, { failover: false, denyCache: false })
// So large that it is never reached: each decision is admitted.
const { limit: wide } = tokenBucket({ name: 'wide', limit: 1_000_000, window: '1s', burst: 4_000_000 })
// So small that it is reached at once: each decision is refused.
const { limit: narrow } = slidingWindow({ name: 'narrow', limit: 10, window: '1h' })
const lanes: readonly Lane[] = [
  { name: 'hot subject, Redis alone', store: bare(), limit: wide, subject: 'a' },
  { name: 'hot subject, leases', store: leases(bare()), limit: wide, subject: 'b' },
  { name: 'refused subject, Redis alone', store: bare(), limit: narrow, subject: 'a' },
  { name: 'refused subject, deny cache', store: denyCache(bare()), limit: narrow, subject: 'b' },
]

/** Decisions a second with so many in flight, and how many of them needed no call. */
async function turn({ store, limit, subject }: Lane): Promise<{ readonly rate: number; readonly local: number }> {
  const charge = { limit, scope: `bench/${limit.name}`, subject, cost: 1 }
  let decisions = 0
  let local = 0
  const end = performance.now() + TURN_MS
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (let n = 0; performance.now() < end; n++) {
        const [outcome] = await store.consume([charge])
        decisions += 1
        if (outcome?.source !== 'redis') local += 1
        // What is answered at once must leave the event loop a turn, as a server does.
        if (n % 64 === 63) await new Promise((resolve) => setImmediate(resolve))
      }
    }),
  )
  return { rate: (decisions * 1_000) / TURN_MS, local: local / decisions }
}

const rates = new Map<string, number[]>()
const locals = new Map<string, number>()
for (const lane of lanes) await turn(lane)
for (let round = 0; round < ROUNDS; round++) {
  for (let i = 0; i < lanes.length; i++) {
    const lane = lanes[(i + round) % lanes.length] as Lane
    const { rate, local } = await turn(lane)
    rates.set(lane.name, [...(rates.get(lane.name) ?? []), rate])
    locals.set(lane.name, local)
  }
}
const medianOf = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number
console.log(`Node ${process.version}, ${cpus().length} cores, ${ROUNDS} rounds of ${TURN_MS} ms, ${IN_FLIGHT} in flight`)
console.table(
  lanes.map(({ name }) => ({
    lane: name,
    'decisions/s': Math.round(medianOf(rates.get(name) ?? [])),
    'without a call': `${((locals.get(name) ?? 0) * 100).toFixed(1)} %`,
  })),
)
for (const { store } of lanes) await store.close?.()
await server.stop()
