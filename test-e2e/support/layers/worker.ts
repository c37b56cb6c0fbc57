// One of several processes with leases and a deny cache. It logs each outcome to a file at once, since it may be killed.
import { openSync, writeSync } from 'node:fs'
import { setImmediate as macrotask, setTimeout as sleep } from 'node:timers/promises'
import type { Limit } from '@sluice/core'
import { redisStore } from '@sluice/redis'

export interface Job {
  readonly url: string
  readonly file: string
  /** The limits take turns, by the time of day. */
  readonly limits: readonly Limit[]
  /** ms for which each limit is used. */
  readonly each: number
  readonly scope: string
  readonly inFlight: number
}

const job = JSON.parse(process.argv[2] ?? '') as Job
const file = openSync(job.file, 'a')
// No failover: only the bound of the two layers is tested, so what the store cannot decide is not admitted.
const store = redisStore({ url: job.url }, { leases: { hot: 10 }, failover: false })
let isOver = false
process.once('SIGTERM', () => (isOver = true))
// Ends with its parent process.
process.once('disconnect', () => process.exit())
await store.consume([{ limit: job.limits[0] as Limit, scope: 'warm', subject: String(process.pid), cost: 1 }])
process.send?.('ready')
/** Index of the current limit. */
const currentLimit = () => Math.floor(Date.now() / job.each) % job.limits.length

await Promise.all(
  Array.from({ length: job.inFlight }, async () => {
    while (!isOver) {
      const at = currentLimit()
      try {
        const [outcome] = await store.consume([
          { limit: job.limits[at] as Limit, scope: job.scope, subject: 'hot', cost: 1 + Math.round(Math.random() ** 4) },
        ])
        // µs by this machine's clock, which is the clock of the store too.
        const now = Math.round((performance.timeOrigin + performance.now()) * 1_000)
        writeSync(file, `${at} ${outcome?.source} ${outcome?.allowed === true ? outcome.granted : 0} ${outcome?.at} ${now}\n`)
        // A refusal without a call takes a microsecond: four processes would do nothing but write these.
        if (outcome?.source === 'deny-cache') await sleep(1)
      } catch {
        writeSync(file, `${at} failed 0 0 0\n`)
        await sleep(20)
      }
      await macrotask()
    }
  }),
)
await store.close?.()
process.exit()
