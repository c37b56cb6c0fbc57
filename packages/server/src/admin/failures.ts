import { addressSubject, createLimiter, memoryStore, slidingWindow } from '@sluice/core'

/** Wrong credentials a minute that one address may send. */
const PER_ADDRESS = 10
/** Entries a minute that requests without valid credentials may write to the audit log, from all addresses together. */
const ENTRIES = 100

/** Counts what comes without valid credentials, so that neither a guesser nor the log of the guesses takes what others need. */
export class Failures {
  private readonly store = memoryStore({ maxSubjects: 10_000 })
  private readonly attempts = createLimiter({
    name: 'sluice.admin.attempts',
    limits: [slidingWindow({ name: 'minute', limit: PER_ADDRESS, window: '1m' })],
    store: this.store,
  })
  private readonly entries = createLimiter({
    name: 'sluice.admin.entries',
    limits: [slidingWindow({ name: 'minute', limit: ENTRIES, window: '1m' })],
    store: this.store,
  })

  /** Counts an attempt with wrong credentials. Returns the seconds to wait, or `undefined` while there are few. */
  async count(address: string | undefined): Promise<number | undefined> {
    const subject = addressSubject(address ?? '') ?? 'unknown'
    const { allowed, retryAfter } = await this.attempts.consume(subject)
    return allowed ? undefined : Math.max(1, Math.ceil(retryAfter / 1000))
  }

  /** Whether the audit log takes an entry without a name. */
  async mayWrite(): Promise<boolean> {
    return (await this.entries.consume('all')).allowed
  }

  async close(): Promise<void> {
    await this.attempts.close()
    await this.entries.close()
  }
}
