// What the layers in front of Redis give: decisions a second of one process for one subject, with a layer and without it.
// `node --conditions=source bench/layers.ts [rounds] [ms]` prints the table of bench/README.md.
import { cpus } from 'node:os'
import { denyCache, leases, type Limit, slidingWindow, type Store, tokenBucket } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { startRedis } from '@sluice/testing/redis'
import { type Contender, cpuMicros, runRounds } from './measure/rounds.ts'

const [rounds = 5, ms = 1_000] = process.argv.slice(2).map(Number)
const IN_FLIGHT = 64
/** Local decisions in a row before the event loop continues, as in a server. */
const AT_ONCE = 64

const server = await startRedis()
const stores: Store[] = []
const withoutLayers = () => redisStore({ url: server.url }, { failover: false, denyCache: false })
// Out of reach, so that every decision admits.
const { limit: wide } = tokenBucket({ name: 'wide', limit: 1_000_000, window: '1s', burst: 4_000_000 })
// Reached at once, so that every later decision refuses.
const { limit: narrow } = slidingWindow({ name: 'narrow', limit: 10, window: '1h' })
/** The part of the decisions in the last turn that needed no call to Redis. */
const localPart = new Map<string, number>()

const contenders = [
  contender('hot subject, Redis alone', withoutLayers(), wide, 'a'),
  contender('hot subject, leases', leases(withoutLayers()), wide, 'b'),
  contender('refused subject, Redis alone', withoutLayers(), narrow, 'a'),
  contender('refused subject, deny cache', denyCache(withoutLayers()), narrow, 'b'),
]
const results = await runRounds(contenders, { isQuick: false, rounds, ms })
console.log(`Node ${process.version}, ${cpus().length} cores, ${rounds} rounds of ${ms} ms, ${IN_FLIGHT} in flight`)
console.table(
  results.names.map((name) => ({
    contender: name,
    'decisions/s': Math.round(results.median(name)),
    'without a call': `${((localPart.get(name) ?? 0) * 100).toFixed(1)} %`,
  })),
)
for (const store of stores) await store.close?.()
await server.stop()

function contender(name: string, store: Store, limit: Limit, subject: string): Contender {
  stores.push(store)
  const charge = { limit, scope: `bench+${limit.name}.${limit.algorithm}`, subject, cost: 1 }
  return {
    name,
    async turn(ms) {
      let decisions = 0
      let local = 0
      const cpu = cpuMicros()
      const end = performance.now() + ms
      await Promise.all(
        Array.from({ length: IN_FLIGHT }, async () => {
          for (let n = 0; performance.now() < end; n++) {
            const [outcome] = await store.consume([charge])
            decisions += 1
            if (outcome?.source !== 'redis') local += 1
            if (n % AT_ONCE === AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve))
          }
        }),
      )
      localPart.set(name, local / decisions)
      return { rate: (decisions * 1_000) / ms, cpu: (cpuMicros() - cpu) / decisions }
    },
  }
}
