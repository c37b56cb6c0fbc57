import { createLimiter, memoryStore, slidingWindow } from '@sluice/core'
import type { Identity } from './identities.ts'

/** Requests a minute of one token or certificate. The console needs about 100. */
const PER_IDENTITY = 1_000

/** Counts what comes with valid credentials, so that a program gone wrong takes no time from the checks. */
export class Calls {
  private readonly limiter = createLimiter({
    name: 'sluice.admin.calls',
    limits: [slidingWindow({ name: 'minute', limit: PER_IDENTITY, window: '1m' })],
    store: memoryStore({ maxSubjects: 10_000 }),
  })

  /** Counts a request. Returns the seconds to wait, or `undefined` while there are few. */
  async count({ by, name }: Identity): Promise<number | undefined> {
    const { allowed, retryAfter } = await this.limiter.consume(`${by}:${name}`)
    return allowed ? undefined : Math.max(1, Math.ceil(retryAfter / 1000))
  }

  async close(): Promise<void> {
    await this.limiter.close()
  }
}
