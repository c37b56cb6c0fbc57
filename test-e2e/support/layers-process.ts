// One process of a fleet with leases and a deny cache. What it was admitted goes to a file at once: it may be killed at any moment.
import { openSync, writeSync } from 'node:fs'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import type { Limit } from '@sluice/core'
import { redisStore } from '@sluice/redis'

export interface LayersJob {
  readonly url: string
  readonly file: string
  /** They take turns, each for `each` ms by the time of day. */
  readonly limits: readonly Limit[]
  readonly each: number
  readonly scope: string
  readonly inFlight: number
}

const job = JSON.parse(process.argv[2] ?? '') as LayersJob
const file = openSync(job.file, 'a')
// Only the bound of the two layers is at stake: what the store cannot decide is not admitted.
const store = redisStore({ url: job.url }, { leases: { hot: 10 }, failover: false })
let isOver = false
process.once('SIGTERM', () => (isOver = true))
// Nobody else would end it.
process.once('disconnect', () => process.exit())
await store.consume([{ limit: job.limits[0] as Limit, scope: 'warm', subject: String(process.pid), cost: 1 }])
process.send?.('ready')
/** By which limit now. */
const which = () => Math.floor(Date.now() / job.each) % job.limits.length

await Promise.all(
  Array.from({ length: job.inFlight }, async () => {
    while (!isOver) {
      const at = which()
      try {
        const [outcome] = await store.consume([
          { limit: job.limits[at] as Limit, scope: job.scope, subject: 'hot', cost: 1 + Math.round(Math.random() ** 4) },
        ])
        // µs: by the store as the outcome tells it, and by this machine's clock, which is the store's too.
        const now = Math.round((performance.timeOrigin + performance.now()) * 1_000)
        writeSync(file, `${at} ${outcome?.source} ${outcome?.allowed === true ? outcome.granted : 0} ${outcome?.at} ${now}\n`)
      } catch {
        writeSync(file, `${at} failed 0 0 0\n`)
        await wait(20)
      }
      await turn()
    }
  }),
)
await store.close?.()
process.exit()
