import { detach } from '@sluice/core/store-kit'

/** A subject with many refusals. */
export interface Counted {
  /** Never less than the true count, and at most `excess` more. */
  readonly count: number
  readonly excess: number
}

/**
 * The subjects with most refusals of a stream, in bounded memory: the Space-Saving algorithm of Metwally, Agrawal and El Abbadi, "Efficient
 * Computation of Frequent and Top-k Elements in Data Streams" (ICDT 2005). It keeps `size` subjects. One that is not kept takes the
 * place of the subject with the lowest count, and goes on from that count. Of `total` refusals therefore:
 * - a count is never less than the true one, and at most `total / size` more: `excess` says how much more at most;
 * - every subject with more than `total / size` refusals is kept. With at most `size` subjects, all are kept, and all counts are exact.
 */
export class SpaceSaving<T> {
  private readonly size: number
  private readonly entries = new Map<string, Entry<T>>()
  /** A binary heap: the entry at `i` counts no more than those at `2 * i + 1` and `2 * i + 2`. */
  private readonly heap: Entry<T>[] = []
  private readonly detailOf: () => T
  private counted = 0

  /** @param size the most subjects. @param detailOf makes what is kept of a subject, from the moment it is kept */
  constructor(size: number, detailOf: () => T) {
    this.size = size
    this.detailOf = detailOf
  }

  /** How many were counted in all. */
  get total(): number {
    return this.counted
  }

  /** Counts one more of a subject, and returns what is kept of the subject. */
  add(subject: string): T {
    this.counted += 1
    const entry = this.entries.get(subject) ?? this.placeFor(subject)
    entry.count += 1
    this.sink(entry)
    return entry.detail
  }

  /** All subjects that are kept, the highest counts first. */
  list(): readonly (Counted & { readonly subject: string; readonly detail: T })[] {
    return this.heap.toSorted((a, b) => b.count - a.count)
  }

  private placeFor(given: string): Entry<T> {
    // A part of a header would keep the whole header.
    const subject = detach(given)
    const least = this.heap[0]
    if (least === undefined || this.heap.length < this.size) {
      const entry = { subject, count: 0, excess: 0, detail: this.detailOf(), at: this.heap.length }
      this.heap.push(entry)
      this.entries.set(subject, entry)
      // A count of 0 is the lowest.
      this.rise(entry)
      return entry
    }
    this.entries.delete(least.subject)
    least.subject = subject
    least.excess = least.count
    least.detail = this.detailOf()
    this.entries.set(subject, least)
    return least
  }

  private rise(entry: Entry<T>): void {
    while (entry.at > 0) {
      const parent = this.heap[(entry.at - 1) >> 1] as Entry<T>
      if (parent.count <= entry.count) return
      this.swap(entry, parent)
    }
  }

  private sink(entry: Entry<T>): void {
    for (;;) {
      const left = this.heap[2 * entry.at + 1]
      if (left === undefined) return
      const right = this.heap[2 * entry.at + 2]
      const child = right !== undefined && right.count < left.count ? right : left
      if (child.count >= entry.count) return
      this.swap(entry, child)
    }
  }

  private swap(a: Entry<T>, b: Entry<T>): void {
    const { at } = a
    a.at = b.at
    b.at = at
    this.heap[a.at] = a
    this.heap[b.at] = b
  }
}

interface Entry<T> {
  subject: string
  count: number
  excess: number
  detail: T
  at: number
}
