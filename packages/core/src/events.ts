import type { StoreEvent } from './store.ts'

const MAX_UNHEARD = 16

type Listener = (event: StoreEvent) => void

/**
 * The events of a store. Emits an anomaly each time it happens, and a warning once for each listener. Listeners that subscribe
 * later get earlier warnings: a store finds most mistakes before its first limiter subscribes. The first listener also gets the anomalies
 * that came before it.
 */
export class Events {
  private readonly listeners = new Set<Listener>()
  private readonly warnings: StoreEvent[] = []
  /** Anomalies that came before the first listener. */
  private readonly unheard: StoreEvent[] = []

  /** Calls `listener` for each event until the returned function is called. */
  subscribe(listener: Listener): () => void {
    // A new function each time, so that one listener can subscribe twice.
    const own: Listener = (event) => listener(event)
    this.listeners.add(own)
    for (const event of [...this.warnings, ...this.unheard.splice(0)]) call(own, event)
    return () => this.listeners.delete(own)
  }

  anomaly(code: string, message: string): void {
    const event = { type: 'anomaly', code, message } as const
    if (this.listeners.size === 0 && this.unheard.length < MAX_UNHEARD) this.unheard.push(event)
    this.emit(event)
  }

  /** Emits a warning, unless it was emitted before with this code. */
  warning(code: string, message: string): void {
    if (this.warnings.some((event) => 'code' in event && event.code === code)) return
    const event = { type: 'warning', code, message } as const
    this.warnings.push(event)
    this.emit(event)
  }

  /** Emits a warning of a state that may end. Listeners that subscribe before its end get it too. */
  begin(code: string, message: string): void {
    const event = { type: 'warning', code, message } as const
    this.warnings.push(event)
    this.emit(event)
  }

  /** The state of all warnings with this code has ended: emits a last warning, which later listeners do not get. */
  end(begun: string, code: string, message: string): void {
    for (let i = this.warnings.length - 1; i >= 0; i--) {
      const event = this.warnings[i] as StoreEvent
      if ('code' in event && event.code === begun) this.warnings.splice(i, 1)
    }
    this.emit({ type: 'warning', code, message })
  }

  emit(event: StoreEvent): void {
    for (const listener of this.listeners) call(listener, event)
  }
}

function call(listener: Listener, event: StoreEvent): void {
  try {
    listener(event)
  } catch {
    // Limiters guard their observers. An error of any other listener must not fail the decisions of a batch.
  }
}
