import type { Decision } from './decision.ts'
import { inMicrotask } from './clock.ts'
import type { Code } from './codes.ts'
import { invalid, SluiceError, withCode } from './errors.ts'
import { knownOptions } from './known-options.ts'
import { runtime } from './runtime.ts'
import type { Source, Store, StoreEvent } from './store.ts'

/**
 * Functions that a limiter calls with its events, for logs and metrics. All are optional.
 * An observer that throws does no harm: the error is printed once as `WARN_OBSERVER_FAILED`.
 */
export interface Observers {
  /** Called for every decision, in a microtask after it: it never delays the request. */
  readonly decision?: ((decision: Decision) => void) | undefined
  /** Called when another tier begins to answer: from the store to the local fallback, and back. */
  readonly tier?: ((event: EventOf<'tier'>) => void) | undefined
  /** Called when a circuit breaker of the store opens, half-opens or closes. */
  readonly breaker?: ((event: EventOf<'breaker'>) => void) | undefined
  /** Called when Sluice went on after an unexpected failure: `ANOMALY_…` codes. */
  readonly anomaly?: ((event: EventOf<'anomaly'>) => void) | undefined
  /** Called once for each likely mistake in the set-up: `WARN_…` codes. Default: `console.warn`. */
  readonly warning?: ((event: EventOf<'warning'>) => void) | undefined
}

type EventOf<T extends StoreEvent['type']> = Extract<StoreEvent, { readonly type: T }>

const NAMES = ['decision', 'tier', 'breaker', 'anomaly', 'warning'] as const

const MAX_REPORTED = 1_000

/** The observers of one limiter. Checks them, calls them, and catches their errors. */
export class ObserverHub {
  private readonly on: Observers
  private readonly limiter: string
  private readonly strict: boolean
  private readonly reported = new Set<string>()
  private decisions: Decision[] = []
  /** Called when the store has another generation of this limiter. */
  onGeneration: () => void = () => undefined

  constructor(limiter: string, on: Observers = {}, strict = false) {
    knownOptions('on', on, NAMES)
    for (const name of NAMES) {
      if (on[name] !== undefined && typeof on[name] !== 'function') throw invalid(`on.${name}`, 'a function', on[name])
    }
    this.on = on
    this.limiter = limiter
    this.strict = strict
  }

  /** Passes on the events of a store until the returned function is called. `tierOf` gives a tier the name that the policy uses. */
  follow(store: Store, tierOf: (tier: Source) => Source = (tier) => tier): () => void {
    const { WeakRef, FinalizationRegistry } = runtime
    if (store.subscribe === undefined) return () => undefined
    if (WeakRef === undefined || FinalizationRegistry === undefined) return store.subscribe((event) => this.pass(event, tierOf))
    const unfollow = store.subscribe(weakly(new WeakRef<ObserverHub>(this), tierOf))
    ended ??= new FinalizationRegistry((end) => end())
    ended.register(this, unfollow)
    return unfollow
  }

  pass(event: StoreEvent, tierOf: (tier: Source) => Source): void {
    if (event.type === 'generation') {
      if (event.limiter === this.limiter) this.onGeneration()
    } else this.emit(event.type === 'tier' ? { ...event, from: tierOf(event.from), to: tierOf(event.to) } : event)
  }

  /** Emits a decision in the next microtask, together with all others of this turn. */
  emitDecision(decision: Decision): void {
    if (this.on.decision !== undefined) this.enqueue(decision)
  }

  private enqueue(decision: Decision): void {
    if (this.decisions.length === 0) inMicrotask(() => this.flush())
    this.decisions.push(decision)
  }

  /** Reports a likely mistake, once for each code and topic. */
  warn(code: Code, message: string, topic = ''): void {
    const key = `${code} ${topic}`
    if (this.reported.has(key)) return
    // Some topics are names of limits, of which policies that change can make any number.
    if (this.reported.size >= MAX_REPORTED) this.reported.clear()
    this.reported.add(key)
    this.emit({ type: 'warning', code, message: `limiter "${this.limiter}": ${message}` })
  }

  /** Reports a likely mistake in the set-up: as a warning, or with `strict` by throwing each time. */
  warnOrThrow(code: Code, message: string): void {
    if (this.strict) throw new SluiceError(code, message)
    this.warn(code, message)
  }

  private flush(): void {
    const { decisions } = this
    this.decisions = []
    for (const decision of decisions) this.guard('decision', () => this.on.decision?.(decision))
  }

  private emit(event: Exclude<StoreEvent, { readonly type: 'generation' }>): void {
    // Each observer gets the events of its own name.
    const observer = this.on[event.type] as ((event: StoreEvent) => void) | undefined
    if (observer !== undefined) this.guard(event.type, () => observer(withPage(event)))
    else if (event.type === 'warning') printOnce(event)
  }

  private guard(name: keyof Observers, run: () => void): void {
    try {
      run()
    } catch (error) {
      // Printed rather than passed to the warning observer, which may be the one that failed.
      const key = `WARN_OBSERVER_FAILED ${name}`
      if (!this.reported.has(key)) print('WARN_OBSERVER_FAILED', `limiter "${this.limiter}": on.${name} threw: ${String(error)}`)
      this.reported.add(key)
    }
  }
}

// A store must not keep the limiters that were made on it: one made in a request handler would never be freed.
let ended: { register(target: object, end: () => void): void } | undefined

/** Apart from the hub, since a closure made in a method of it would keep it. */
function weakly(hub: { deref(): ObserverHub | undefined }, tierOf: (tier: Source) => Source): (event: StoreEvent) => void {
  return (event) => hub.deref()?.pass(event, tierOf)
}

/** The event as an observer gets it. A store emits one object to all of its limiters, so the message is completed in a copy. */
function withPage(event: StoreEvent): StoreEvent {
  return 'code' in event ? { ...event, message: withCode(event.message, event.code) } : event
}

const printed = new WeakSet<StoreEvent>()
let lastOfStore = ''

/** All limiters of a store get the same event. Stores that lose one server at a time say the same of it. */
function printOnce(event: EventOf<'warning'>): void {
  const { code, message } = event
  if (printed.has(event)) return
  printed.add(event)
  const isOfStore = code === 'WARN_STORE_AWAY' || code === 'WARN_STORE_BACK'
  if (isOfStore && message === lastOfStore) return
  if (isOfStore) lastOfStore = message
  print(code, message)
}

function print(code: string, message: string): void {
  printWarning(withCode(message, code))
}

/** Prints a warning that no observer takes. All that Sluice writes to the console goes through here. */
export function printWarning(message: string): void {
  runtime.console?.warn(`sluice: ${message}`)
}
