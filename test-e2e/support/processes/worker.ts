// One of several processes on a shared store: keeps a number of requests in flight, and reports every outcome.
import { setTimeout as wait } from 'node:timers/promises'
import type { Limit, Store } from '@sluice/core'
import { redisStore } from '@sluice/redis'

/** The store, the limit and the load of a process. */
export interface Job {
  readonly redis: { readonly url: string } | { readonly cluster: readonly { readonly host: string; readonly port: number }[] }
  readonly limit: Limit
  readonly scope: string
  /** Number of subjects: `0`, `1` and so on. */
  readonly subjects: number
  readonly inFlight: number
  readonly milliseconds: number
}

/** One decision. A process lists its decisions in the order in which it sent them. */
export interface LoggedDecision {
  readonly subject: number
  readonly cost: number
  /** Index of the decision that this one releases. */
  readonly releases: number | undefined
  /** µs, by the clock of the store. */
  at: number
  allowed: boolean
  granted: number
  remaining: number
  delay: number
}

export type Answer = { readonly ready: true } | { readonly entries: readonly LoggedDecision[] } | { readonly failed: string }

process.on('message', (message: Job | 'go') => {
  if (message !== 'go') void run(message).catch((error: unknown) => send({ failed: String((error as Error).stack) }))
})

async function run(job: Job): Promise<void> {
  const store = redisStore(job.redis, { failover: false, denyCache: false })
  // Connects to every node of a cluster before any process starts to count.
  for (let i = 0; i < 64; i++) await store.consume([{ limit: job.limit, scope: 'warm', subject: `${process.pid}.${i}`, cost: 0 }])
  send({ ready: true })
  await new Promise((resolve) => process.once('message', resolve))
  const entries: LoggedDecision[] = []
  const end = performance.now() + job.milliseconds
  await Promise.all(Array.from({ length: job.inFlight }, () => sendRequests(store, job, entries, end)))
  await store.close?.()
  send({ entries })
}

async function sendRequests(store: Store, { limit, scope, subjects }: Job, entries: LoggedDecision[], end: number): Promise<void> {
  const holds = limit.algorithm === 'concurrency'
  while (performance.now() < end) {
    const subject = Math.floor(Math.random() * subjects)
    const cost = holds || Math.random() < 0.8 ? 1 : 2
    const entry: LoggedDecision = { subject, cost, releases: undefined, at: 0, allowed: false, granted: 0, remaining: 0, delay: 0 }
    const index = entries.push(entry) - 1
    const receipt = await consume({ cost, receipt: undefined }, entry)
    // One holder in ten is not released and expires.
    if (!holds || receipt === undefined || Math.random() < 0.1) continue
    await wait(Math.random() * 4)
    const release: LoggedDecision = { ...entry, cost: -1, releases: index }
    entries.push(release)
    await consume({ cost: -1, receipt }, release)
  }

  async function consume(charge: { cost: number; receipt: string | number | undefined }, entry: LoggedDecision) {
    const [outcome] = await store.consume([{ limit, scope, subject: String(entry.subject), ...charge }])
    if (outcome === undefined) throw new Error('consume: expected an outcome for the only charge, got undefined')
    const { at, allowed, granted, remaining, delay } = outcome
    Object.assign(entry, { at, allowed, granted, remaining, delay })
    return outcome.receipt
  }
}

function send(answer: Answer): void {
  process.send?.(answer)
}
