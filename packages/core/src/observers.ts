import type { Decision } from './decision.ts'
import { type Code, invalid, SluiceError } from './errors.ts'
import { knownOptions } from './options.ts'
import { runtime } from './runtime.ts'
import type { Source, Store, StoreEvent } from './store.ts'

/** Who is told what. There is no other hook. An observer that throws is reported as a warning and harms nothing. */
export interface Observers {
  /** Every decision, soon after it was made: never in the way of the request. */
  readonly decision?: ((decision: Decision) => void) | undefined
  /** A store went to another tier (Redis to local, and back). */
  readonly tier?: ((event: StoreEvent) => void) | undefined
  /** A circuit breaker opened or closed. */
  readonly breaker?: ((event: StoreEvent) => void) | undefined
  /** Something that should not happen, and was survived. */
  readonly anomaly?: ((event: StoreEvent) => void) | undefined
  /** A likely mistake in the set-up, once each. Without this observer it goes to `console.warn`. */
  readonly warning?: ((event: StoreEvent) => void) | undefined
}

const NAMES = ['decision', 'tier', 'breaker', 'anomaly', 'warning'] as const

/** One limiter's observers: validated, guarded, and told of decisions off the hot path. */
export class Announcer {
  private readonly on: Observers
  private readonly limiter: string
  private readonly strict: boolean
  private readonly told = new Set<string>()
  private decisions: Decision[] = []

  constructor(limiter: string, on: Observers = {}, strict = false) {
    knownOptions('on', on, NAMES)
    for (const name of NAMES) {
      if (on[name] !== undefined && typeof on[name] !== 'function') throw invalid(`on.${name}`, 'a function', on[name])
    }
    this.on = on
    this.limiter = limiter
    this.strict = strict
  }

  /** Passes on what a store tells, its tiers as this limiter has them; the function returned ends it. */
  follow(store: Store, tier: (of: Source) => Source = (of) => of): () => void {
    const hear = (event: StoreEvent): void =>
      this.event(event.type === 'tier' ? { ...event, from: tier(event.from), to: tier(event.to) } : event)
    return store.subscribe?.(hear) ?? (() => undefined)
  }

  decided(decision: Decision): void {
    if (this.on.decision === undefined) return
    if (this.decisions.length === 0) runtime.queueMicrotask(() => this.flush())
    this.decisions.push(decision)
  }

  /** Tells a likely mistake once per code and topic. */
  warn(code: Code, message: string, topic = ''): void {
    const key = `${code} ${topic}`
    if (this.told.has(key)) return
    this.told.add(key)
    this.event({ type: 'warning', code, message: `limiter "${this.limiter}": ${message}` })
  }

  /** A check of the set-up: a warning, or with `strict` an error each time. */
  check(code: Code, message: string): void {
    if (this.strict) throw new SluiceError(code, message)
    this.warn(code, message)
  }

  private flush(): void {
    const { decisions } = this
    this.decisions = []
    for (const decision of decisions) this.guard('decision', () => this.on.decision?.(decision))
  }

  private event(event: StoreEvent): void {
    if (this.on[event.type] !== undefined) this.guard(event.type, () => this.on[event.type]?.(event))
    else if (event.type === 'warning') print(event.code, event.message)
  }

  private guard(name: keyof Observers, run: () => void): void {
    try {
      run()
    } catch (error) {
      // Printed, not told to the warning observer: that may be the one that failed.
      const key = `WARN_OBSERVER_FAILED ${name}`
      if (!this.told.has(key)) print('WARN_OBSERVER_FAILED', `limiter "${this.limiter}": on.${name} threw: ${String(error)}`)
      this.told.add(key)
    }
  }
}

function print(code: string, message: string): void {
  runtime.console?.warn(`sluice: ${message} (${code}, see docs/errors.md)`)
}
