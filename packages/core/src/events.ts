import type { StoreEvent } from './store.ts'

type Listener = (event: StoreEvent) => void

/** Who is told what: an anomaly each time, a warning once for each listener, also one that comes late. */
export class Events {
  private readonly listeners = new Set<Listener>()
  private readonly warnings: StoreEvent[] = []

  subscribe(listener: Listener): () => void {
    // As a value of its own, so that one function can be subscribed twice.
    const one: Listener = (event) => listener(event)
    this.listeners.add(one)
    for (const event of this.warnings) hear(one, event)
    return () => this.listeners.delete(one)
  }

  anomaly(code: string, message: string): void {
    this.tell({ type: 'anomaly', code, message })
  }

  warning(code: string, message: string): void {
    if (this.warnings.some((event) => 'code' in event && event.code === code)) return
    const event = { type: 'warning', code, message } as const
    this.warnings.push(event)
    this.tell(event)
  }

  tell(event: StoreEvent): void {
    for (const listener of this.listeners) hear(listener, event)
  }
}

function hear(listener: Listener, event: StoreEvent): void {
  try {
    listener(event)
  } catch {
    // Limiters guard their observers; another listener that throws must not fail the decisions of a batch.
  }
}
