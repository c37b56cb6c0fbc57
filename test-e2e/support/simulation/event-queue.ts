// The events of a simulation: a heap by time, and within one µs in the order of adding.

interface Event {
  /** µs */
  readonly at: number
  readonly order: number
  run: (() => void) | undefined
}

export class EventQueue {
  /** µs since the start. */
  now = 0
  /** True after a promise was settled whose callbacks have not run yet. */
  hasAnswered = false
  private readonly heap: Event[] = []
  private issued = 0

  /** Runs `run` at that time, or now if that is past. The returned function cancels it. */
  at(micros: number, run: () => void): () => void {
    const event: Event = { at: Math.max(this.now, Math.round(micros)), order: this.issued++, run }
    this.push(event)
    return () => {
      event.run = undefined
    }
  }

  /** Runs the next event up to `end`, after setting the time. False when there is none. */
  step(end: number, set: (micros: number) => void): boolean {
    const first = this.heap[0]
    if (first === undefined || first.at > end) return false
    this.pop()
    this.now = first.at
    set(first.at)
    first.run?.()
    return true
  }

  private push(event: Event): void {
    const { heap } = this
    let i = heap.push(event) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!isBefore(event, heap[parent] as Event)) break
      heap[i] = heap[parent] as Event
      i = parent
    }
    heap[i] = event
  }

  private pop(): void {
    const { heap } = this
    const last = heap.pop() as Event
    const size = heap.length
    if (size === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= size) break
      if (child + 1 < size && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++
      if (!isBefore(heap[child] as Event, last)) break
      heap[i] = heap[child] as Event
      i = child
    }
    heap[i] = last
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
