// One process of a region for strict-processes.test.ts: asks for units of one subject until its parent ends it, and says what was admitted.
import { fixedWindow } from '@sluice/core'
import { redisStore, streamTransport } from '@sluice/redis'
import { regions } from '@sluice/regions'
import { setTimeout as sleep } from 'node:timers/promises'

const { self, own, others } = JSON.parse(process.env['REGION'] ?? '{}') as { self: string; own: string; others: Record<string, string> }
const redisOf = (url: string): { readonly url: string } => ({ url })
const transport = streamTransport({
  self: redisOf(own),
  others: Object.fromEntries(Object.entries(others).map(([name, url]) => [name, redisOf(url)])),
})
const all = [self, ...Object.keys(others)].toSorted()
const store = redisStore(redisOf(own), {
  failover: false,
  denyCache: false,
  regions: regions({ self, all, transport, mode: 'strict', interval: 100 }),
})
const { limit } = fixedWindow({ name: 'day', limit: 300, window: '1d' })

process.once('disconnect', () => process.exit())
for (let i = 0; ; i++) {
  const cost = 1 + (i % 3)
  try {
    const [outcome] = await store.consume([{ limit, scope: 'api+day.fixedWindow', subject: 'user:1', cost }], { failMode: 'closed' })
    process.send?.({ admitted: outcome?.allowed === true ? cost : 0, isHeld: outcome?.held === true, remaining: outcome?.remaining })
  } catch {
    // Not connected yet.
  }
  await sleep(20)
}
