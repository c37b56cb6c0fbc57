import { type Clock, systemClock } from '@sluice/core'
import type { PolicyFeed } from '@sluice/policies'
import { instances, type Instances, type RedisSource } from '@sluice/redis'
import { VERSION } from '../../version.ts'
import { type Instance, type InstanceList, OwnInstance } from './instance.ts'

/** ms between two counts. */
const COUNT_EVERY = 5_000

/** The processes that say in Redis which revisions they have. While Redis is away, this process knows itself only. */
export class SharedInstances implements InstanceList {
  readonly own: InstanceList['own']
  count = 1
  private readonly registered: Instances
  private readonly alone: OwnInstance
  private readonly clock: Required<Clock>
  private cancel: () => void = () => undefined
  private isClosed = false

  constructor(redis: RedisSource, feed: PolicyFeed, report: (error: unknown) => void, clock: Required<Clock> = systemClock) {
    this.clock = clock
    this.registered = instances(redis, { feed, version: VERSION, onError: report })
    this.alone = new OwnInstance(feed, clock.now, this.registered.own)
    this.own = this.alone.own
    this.countAgain()
  }

  async all(): Promise<readonly Instance[]> {
    try {
      const all = await this.registered.all()
      this.count = Math.max(1, all.length)
      // Before the first heartbeat.
      return all.some(({ id }) => id === this.own.id) ? all : [...all, ...(await this.alone.all())]
    } catch {
      return await this.alone.all()
    }
  }

  waitFor(namespace: string, revision: number, ms: number): Promise<readonly string[]> {
    return this.registered.waitFor(namespace, revision, ms)
  }

  async close(): Promise<void> {
    this.isClosed = true
    this.cancel()
    await this.registered.close()
  }

  private countAgain(): void {
    void this.all().then(() => {
      if (!this.isClosed) this.cancel = this.clock.after(COUNT_EVERY, () => this.countAgain())
    })
  }
}
