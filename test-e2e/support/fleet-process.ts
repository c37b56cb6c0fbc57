// One process of a fleet: keeps its requests in flight against a shared store, and tells what each was answered.
import { setTimeout as wait } from 'node:timers/promises'
import type { Limit, Store } from '@sluice/core'
import { redisStore } from '@sluice/redis'

/** Where the store is; the subjects are `0`, `1`, … below `subjects`. */
export interface Job {
  readonly redis: { readonly url: string } | { readonly cluster: readonly { readonly host: string; readonly port: number }[] }
  readonly limit: Limit
  readonly scope: string
  readonly subjects: number
  readonly inFlight: number
  readonly milliseconds: number
}

/** One decision. A process lists its own in the order in which it issued them. */
export interface Entry {
  readonly subject: number
  readonly cost: number
  /** The index of the acquisition that this one releases. */
  readonly of: number | undefined
  /** µs, by the clock of the store. */
  at: number
  allowed: boolean
  granted: number
  remaining: number
  delay: number
}

export type Answer = { readonly ready: true } | { readonly entries: readonly Entry[] } | { readonly failed: string }

process.on('message', (message: Job | 'go') => {
  if (message !== 'go') void run(message).catch((error: unknown) => tell({ failed: String((error as Error).stack) }))
})

async function run(job: Job): Promise<void> {
  const store = redisStore(job.redis, { failover: false, denyCache: false })
  // Connected, to every node of a cluster, before anybody begins.
  for (let i = 0; i < 64; i++) await store.consume([{ limit: job.limit, scope: 'warm', subject: `${process.pid}.${i}`, cost: 0 }])
  tell({ ready: true })
  await new Promise((resolve) => process.once('message', resolve))
  const entries: Entry[] = []
  const end = performance.now() + job.milliseconds
  await Promise.all(Array.from({ length: job.inFlight }, () => keepAsking(store, job, entries, end)))
  await store.close?.()
  tell({ entries })
}

async function keepAsking(store: Store, { limit, scope, subjects }: Job, entries: Entry[], end: number): Promise<void> {
  const holds = limit.algorithm === 'concurrency'
  while (performance.now() < end) {
    const subject = Math.floor(Math.random() * subjects)
    const cost = holds || Math.random() < 0.8 ? 1 : 2
    const entry: Entry = { subject, cost, of: undefined, at: 0, allowed: false, granted: 0, remaining: 0, delay: 0 }
    const index = entries.push(entry) - 1
    const receipt = await asked({ cost, receipt: undefined }, entry)
    // One holder in ten is left to its ttl.
    if (!holds || receipt === undefined || Math.random() < 0.1) continue
    await wait(Math.random() * 4)
    const release: Entry = { ...entry, cost: -1, of: index }
    entries.push(release)
    await asked({ cost: -1, receipt }, release)
  }

  async function asked(charge: { cost: number; receipt: string | number | undefined }, entry: Entry) {
    const [outcome] = await store.consume([{ limit, scope, subject: String(entry.subject), ...charge }])
    if (outcome === undefined) throw new Error('a single charge was not looked at')
    const { at, allowed, granted, remaining, delay } = outcome
    Object.assign(entry, { at, allowed, granted, remaining, delay })
    return outcome.receipt
  }
}

function tell(answer: Answer): void {
  process.send?.(answer)
}
