/** What ends at a time. */
export interface Ending {
  /** µs since the epoch. */
  readonly until: number
}

/** A binary heap: the one that ends first is found at once. Adding or removing one costs the logarithm of their number. */
export class EndOrder<E extends Ending> {
  private heap: E[] = []

  get size(): number {
    return this.heap.length
  }

  get first(): E | undefined {
    return this.heap[0]
  }

  add(ending: E): void {
    const { heap } = this
    let i = heap.push(ending) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (this.until(parent) <= ending.until) break
      heap[i] = heap[parent] as E
      i = parent
    }
    heap[i] = ending
  }

  removeFirst(): E | undefined {
    const { heap, first } = this
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let i = 0
    for (let child = 1; child < heap.length; child = 2 * i + 1) {
      if (child + 1 < heap.length && this.until(child + 1) < this.until(child)) child += 1
      if (last.until <= this.until(child)) break
      heap[i] = heap[child] as E
      i = child
    }
    heap[i] = last
    return first
  }

  /** Keeps those that pass, which costs their number. */
  keep(passes: (ending: E) => boolean): void {
    // A list in order is a heap.
    this.heap = this.heap.filter(passes).toSorted((a, b) => a.until - b.until)
  }

  private until(i: number): number {
    return (this.heap[i] as E).until
  }
}
