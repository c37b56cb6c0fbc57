import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { systemClock } from '@sluice/core'
import type { PolicyFeed } from '@sluice/policies'
import { VERSION } from '../../version.ts'

/** A process that follows the documents. */
export interface Instance {
  readonly id: string
  readonly host: string
  /** Of Sluice. */
  readonly version: string
  /** ms since the epoch. */
  readonly startedAt: number
  /** ms since the epoch: when it was last heard. */
  readonly seenAt: number
  /** The revision in force, by namespace. */
  readonly revisions: Readonly<Record<string, number>>
}

/** Who follows the documents: at least this process. */
export interface InstanceList {
  readonly own: Omit<Instance, 'seenAt' | 'revisions'>
  /** How many there are, as far as it is known. */
  readonly count: number
  all(): Promise<readonly Instance[]>
  /** Resolves when every live instance with the namespace has the revision, or after `ms`: with the ids of those that do not. */
  waitFor(namespace: string, revision: number, ms: number): Promise<readonly string[]>
  close(): Promise<void>
}

/** This process, which knows no other one. */
export class OwnInstance implements InstanceList {
  readonly own: InstanceList['own']
  readonly count = 1
  private readonly feed: PolicyFeed
  private readonly now: () => number

  /** @param own what is known of the process already. Default: a new id */
  constructor(feed: PolicyFeed, now: () => number, own?: InstanceList['own']) {
    this.feed = feed
    this.now = now
    this.own = own ?? { id: randomBytes(9).toString('base64url'), host: hostname(), version: VERSION, startedAt: now() }
  }

  async all(): Promise<readonly Instance[]> {
    const revisions = Object.fromEntries(this.feed.health().namespaces.map(({ namespace, revision }) => [namespace, revision]))
    return [{ ...this.own, seenAt: this.now(), revisions }]
  }

  async waitFor(namespace: string, revision: number, ms: number): Promise<readonly string[]> {
    const isThere = (): boolean => (this.feed.inForce(namespace)?.document.revision ?? 0) >= revision
    if (!isThere()) {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          cancel()
          unsubscribe()
          resolve()
        }
        const cancel = systemClock.after(ms, end)
        const unsubscribe = this.feed.subscribe(() => isThere() && end())
      })
    }
    return isThere() ? [] : [this.own.id]
  }

  async close(): Promise<void> {}
}
