// What the layers over Durable Objects give: decisions a second of one isolate for one subject, and requests to the object, in workerd.
// `node --conditions=source bench/workers.ts [rounds] [ms]` prints the table of docs/cloudflare.md.
import { cpus } from 'node:os'
import { startWorkerd } from '@sluice/testing/workerd'
import { type Contender, runRounds } from './measure/rounds.ts'

const [rounds = 5, ms = 1_000] = process.argv.slice(2).map(Number)
const entry = new URL('../packages/cloudflare/test/bench.worker.ts', import.meta.url)
const server = await startWorkerd({ entry, objects: { LIMITS: 'RateLimitObject' } })
const calls = new Map<string, number>()

function contender(name: string, layers: string, limit: 'wide' | 'narrow'): Contender {
  return {
    name,
    async turn(length) {
      const answer = await fetch(`${server.url}/?layers=${layers}&limit=${limit}&ms=${length}`)
      const sample = (await answer.json()) as { readonly decisions: number; readonly calls: number; readonly ms: number }
      calls.set(name, (1_000 * sample.calls) / sample.decisions)
      return { rate: (1_000 * sample.decisions) / sample.ms, cpu: 0 }
    },
  }
}

const results = await runRounds(
  [
    contender('hot subject, objects alone', 'none', 'wide'),
    contender('hot subject, failover', 'failover', 'wide'),
    contender('hot subject, leases', 'leases', 'wide'),
    contender('refused subject, objects alone', 'none', 'narrow'),
    contender('refused subject, deny cache', 'denyCache', 'narrow'),
  ],
  { isQuick: false, rounds, ms },
)
console.log(`Node ${process.version}, ${cpus().length} cores, ${rounds} rounds of ${ms} ms`)
console.table(
  results.names.map((name) => ({
    contender: name,
    'decisions/s': Math.round(results.median(name)),
    'calls for 1,000 decisions': Math.round((calls.get(name) ?? 0) * 10) / 10,
  })),
)
await server.stop()
