import type { Clock } from '@sluice/core'
import type { PolicyFeed } from '@sluice/policies'
import type { DescribedRequest, Recorder } from '../../deciders.ts'
import { headersIn } from './headers-in.ts'

/** The requests that are kept, of all namespaces together. */
const KEPT = 20_000

/** A request that was decided. */
export interface RecordedRequest {
  /** ms since the epoch. */
  readonly at: number
  readonly namespace: string
  readonly request: DescribedRequest
}

/** Keeps the last requests of this instance, for the question what another document would have done. All of them: a part would be refused less. */
export class RequestRecorder implements Recorder {
  private readonly clock: Pick<Clock, 'now'>
  private readonly feed: PolicyFeed
  private readonly kept: RecordedRequest[] = []
  private readonly headers = new Map<string, readonly string[]>()
  private readonly unsubscribe: () => void
  private next = 0

  constructor(feed: PolicyFeed, clock: Pick<Clock, 'now'>) {
    this.feed = feed
    this.clock = clock
    this.unsubscribe = feed.subscribe(({ document: { namespace } }) => void this.headers.delete(namespace))
  }

  add(namespace: string, request: DescribedRequest): void {
    const recorded = { at: this.clock.now(), namespace, request }
    if (this.kept.length < KEPT) this.kept.push(recorded)
    else this.kept[this.next] = recorded
    this.next = (this.next + 1) % KEPT
  }

  /** The headers that the document of a namespace reads: all others are not kept. */
  headersOf(namespace: string): readonly string[] {
    let names = this.headers.get(namespace)
    if (names === undefined) {
      const document = this.feed.document(namespace)
      names = document === undefined ? [] : headersIn(document)
      this.headers.set(namespace, names)
    }
    return names
  }

  /** The requests of a namespace since a time, in their order, and whether there were more. */
  since(namespace: string, at: number): { readonly requests: readonly RecordedRequest[]; readonly isCut: boolean } {
    const isFull = this.kept.length === KEPT
    const ordered = isFull ? [...this.kept.slice(this.next), ...this.kept.slice(0, this.next)] : this.kept
    return {
      requests: ordered.filter((each) => each.namespace === namespace && each.at >= at),
      isCut: isFull && (ordered[0]?.at ?? 0) > at,
    }
  }

  close(): void {
    this.unsubscribe()
  }
}
