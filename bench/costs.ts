// What a decision costs: CPU time and network bytes, of the process and of Redis. They depend little on how busy the machine is.
// `node --conditions=source bench/costs.ts [decisions]` prints the numbers that docs/scale.md starts from.
import { denyCache, type Limit, leases, slidingWindow, type Store, tokenBucket } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { startRedis } from '@sluice/testing/redis'
import { Redis } from 'ioredis'

const DECISIONS = Number(process.argv[2] ?? 20_000)
const SUBJECTS = 10_000
const server = await startRedis()
const admin = new Redis(server.url)
const open = () => redisStore({ url: server.url }, { failover: { instances: 1 }, denyCache: false })
const { limit: window } = slidingWindow({ name: 'minute', limit: 1_000_000, window: '1m' })
const { limit: hour } = slidingWindow({ name: 'hour', limit: 1_000_000, window: '1h' })
const { limit: bucket } = tokenBucket({ name: 'bucket', limit: 1_000_000, window: '1s', burst: 4_000_000 })
const { limit: narrow } = slidingWindow({ name: 'narrow', limit: 10, window: '1h' })

interface Contender {
  readonly name: string
  readonly store: Store
  readonly limits: readonly Limit[]
  readonly subjects: number
  readonly inFlight: number
}
const contenders: readonly Contender[] = [
  ...[1, 8, 64].map((inFlight) => ({
    name: `one window, batches of ${inFlight}`,
    store: open(),
    limits: [window],
    subjects: SUBJECTS,
    inFlight,
  })),
  { name: 'one bucket, batches of 64', store: open(), limits: [bucket], subjects: SUBJECTS, inFlight: 64 },
  { name: 'two windows, batches of 64', store: open(), limits: [window, hour], subjects: SUBJECTS, inFlight: 64 },
  { name: 'a hot bucket, leases', store: leases(open()), limits: [bucket], subjects: 1, inFlight: 64 },
  { name: 'a refused window, deny cache', store: denyCache(open()), limits: [narrow], subjects: 1, inFlight: 64 },
]

async function spend({ store, limits, subjects, inFlight, name }: Contender, decisions: number): Promise<void> {
  for (let i = 0; i < decisions; i += inFlight) {
    await Promise.all(
      Array.from({ length: inFlight }, (_, j) => {
        const subject = `user:${((i + j) * 7_919) % subjects}`
        return store.consume(
          limits.map((limit) => ({ limit, scope: `p${name.length}+${limit.name}.${limit.algorithm}`, subject, cost: 1 })),
        )
      }),
    )
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** CPU time of Redis in µs, and the bytes that it has received and sent. */
async function usage(): Promise<{ readonly cpu: number; readonly input: number; readonly output: number }> {
  const info = `${await admin.info('cpu')}\n${await admin.info('stats')}`
  const of = (field: string): number => Number(new RegExp(`^${field}:(.+)$`, 'm').exec(info)?.[1])
  const cpu = (of('used_cpu_user') + of('used_cpu_sys')) * 1e6
  return { cpu, input: of('total_net_input_bytes'), output: of('total_net_output_bytes') }
}

const rows: object[] = []
for (const contender of contenders) {
  await spend(contender, DECISIONS / 4)
  const [before, began] = [await usage(), process.cpuUsage()]
  await spend(contender, DECISIONS)
  const { user, system } = process.cpuUsage(began)
  const after = await usage()
  const each = (total: number, digits = 1): string => (total / DECISIONS).toFixed(digits)
  rows.push({
    contender: contender.name,
    'process, µs': each(user + system),
    'Redis, µs': each(after.cpu - before.cpu),
    'to Redis, bytes': each(after.input - before.input, 0),
    'from Redis, bytes': each(after.output - before.output, 0),
  })
}
console.log(`Node ${process.version}; CPU time and bytes of one decision, mean of ${DECISIONS}`)
console.table(rows)
for (const { store } of contenders) await store.close?.()
admin.disconnect()
await server.stop()
