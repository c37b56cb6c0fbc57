import { randomBytes } from 'node:crypto'
import type { PolicyFeed } from '@sluice/policies'

/** Numbers the changes of the documents since the start, so that a reader can go on where it stopped. */
export class RevisionLog {
  private readonly feed: PolicyFeed
  /** Another process has other numbers. */
  private readonly boot: string = randomBytes(6).toString('base64url')
  /** The number of the last change, by namespace. */
  private readonly changed = new Map<string, number>()
  private readonly listeners = new Set<(namespace: string) => void>()
  private readonly unsubscribe: () => void
  private count = 0

  constructor(feed: PolicyFeed) {
    this.feed = feed
    this.unsubscribe = feed.subscribe(({ document: { namespace } }) => {
      this.changed.set(namespace, ++this.count)
      for (const listener of this.listeners) listener(namespace)
    })
  }

  /** Where a reader stands that has read everything. */
  get cursor(): string {
    return `${this.boot}.${this.count}`
  }

  /** The namespaces with a document of the source, or of the cache: what only stands in for one is not passed on. */
  get namespaces(): readonly string[] {
    return this.feed
      .health()
      .namespaces.filter(({ from }) => from === 'source' || from === 'cache')
      .map(({ namespace }) => namespace)
  }

  /** What has changed since a cursor; `undefined` for a cursor of another process. */
  since(cursor: string): readonly string[] | undefined {
    const [boot, number] = cursor.split('.')
    const last = Number(number)
    if (boot !== this.boot || !(last <= this.count)) return undefined
    return this.namespaces.filter((namespace) => (this.changed.get(namespace) ?? 0) > last)
  }

  subscribe(listener: (namespace: string) => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  close(): void {
    this.unsubscribe()
  }
}
