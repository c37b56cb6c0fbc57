// Prints what Redis holds of a subject, and changes nothing. `node --conditions=source state.ts SUBJECT [FILE]`; the file exports `policy`:
// the name and the limits of a limiter. Default: that of the app.
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createLimiter, type Decision, type LimitRule } from '@sluice/express'
import { redisStore, storedStates } from '@sluice/redis'
import { Redis } from 'ioredis'

interface Policy {
  readonly name: string
  readonly limits: readonly LimitRule[]
}

const [subject, file = resolve(import.meta.dirname, 'policy.ts')] = process.argv.slice(2)
if (subject === undefined) {
  console.error('usage: node state.ts SUBJECT [FILE]')
  process.exit(1)
}
const url = process.env['REDIS_URL'] ?? 'redis://localhost:6379'
const { policy } = (await import(pathToFileURL(resolve(file)).href)) as { policy: Policy }
// Only Redis is asked: without failover and without the deny cache, nothing in this process decides.
const options = { prefix: process.env['PREFIX'], partitions: Number(process.env['PARTITIONS'] ?? 16) }
const store = redisStore({ url }, { ...options, failover: false, denyCache: false })
const client = new Redis(url)
try {
  const decision = await createLimiter({ ...policy, store }).peek(subject)
  console.log(`${decision.policy}, ${subject}:`)
  for (const line of linesOf(decision)) console.log(`  ${line}`)
  const states = await storedStates(client, decision.charges, options)
  for (const { key, id, until, numbers } of states.filter(({ kind, limit }) => kind === 'state' && limit === undefined)) {
    console.log(
      `  unknown ${id.toString(16).padStart(8, '0')}: counts until ${timeOf(until)}, numbers ${numbers[1]} and ${numbers[2]}, in ${key}`,
    )
  }
} finally {
  client.disconnect()
  await store.close?.()
}

function linesOf({ charges, outcomes, verdict, resetAt }: Decision): readonly string[] {
  // The limits of a blocked subject are not asked.
  if (verdict === 'blocked') return [`blocked until ${timeOf(resetAt)}`]
  return charges.map(({ limit }, i) => {
    const outcome = outcomes[i]
    if (outcome === undefined) return `${limit.name}: not read`
    const most = limit.burst ?? limit.limit
    const used = `${limit.name}: ${most - outcome.remaining} of ${most} used (${limit.algorithm})`
    return outcome.resetAfter === 0 ? used : `${used}, until ${timeOf(outcome.at / 1000 + outcome.resetAfter)}`
  })
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
