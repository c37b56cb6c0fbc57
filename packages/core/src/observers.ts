import type { Decision } from './decision.ts'
import { inMicrotask } from './clock.ts'
import type { Code } from './codes.ts'
import type { DecisionFacts, Facts } from './decision-facts.ts'
import { invalid, SluiceError } from './errors.ts'
import { knownOptions } from './known-options.ts'
import { emitStoreEvent, emitToProcess, type EventOf, heard, withPage } from './observe.ts'
import { type Observable, type ObservedLimiter, rememberLimiter } from './observed-limiters.ts'
import { printCoded } from './print-warning.ts'
import { runtime } from './runtime.ts'
import type { Source, Store, StoreEvent } from './store.ts'

/**
 * Functions that a limiter calls with its events, for logs and metrics. All are optional.
 * An observer that throws does no harm: the error is printed once as `WARN_OBSERVER_FAILED`.
 */
export interface Observers {
  /** Called for every decision, in a microtask after it: it never delays the request. */
  readonly decision?: ((decision: Decision, facts: DecisionFacts) => void) | undefined
  /** Called when another tier begins to answer: from the store to the local fallback, and back. */
  readonly tier?: ((event: EventOf<'tier'>) => void) | undefined
  /** Called when a circuit breaker of the store opens, half-opens or closes. */
  readonly breaker?: ((event: EventOf<'breaker'>) => void) | undefined
  /** Called when another region begins to be silent, or is heard again. Only with the option `regions` of a store. */
  readonly region?: ((event: EventOf<'region'>) => void) | undefined
  /** Called when Sluice went on after an unexpected failure: `ANOMALY_…` codes. */
  readonly anomaly?: ((event: EventOf<'anomaly'>) => void) | undefined
  /** Called once for each likely mistake in the set-up: `WARN_…` codes. Default: `console.warn`. */
  readonly warning?: ((event: EventOf<'warning'>) => void) | undefined
}

const NAMES = ['decision', 'tier', 'breaker', 'region', 'anomaly', 'warning'] as const

const MAX_REPORTED = 1_000

/** The observers of one limiter. Checks them, calls them, and catches their errors. */
export class ObserverHub {
  private readonly on: Observers
  /** Whether the limiter has an observer of decisions. A field, since the objects of options have many shapes. */
  private readonly isHeard: boolean
  private readonly limiter: string
  private readonly strict: boolean
  private readonly reported = new Set<string>()
  private decisions: Decision[] = []
  private facts: Facts[] = []
  private shown: ObservedLimiter | undefined
  /** Called when the store has another generation of this limiter. */
  onGeneration: () => void = () => undefined

  constructor(limiter: string, on: Observers = {}, strict = false) {
    knownOptions('on', on, NAMES)
    for (const name of NAMES) {
      if (on[name] !== undefined && typeof on[name] !== 'function') throw invalid(`on.${name}`, 'a function', on[name])
    }
    this.on = on
    this.isHeard = on.decision !== undefined
    this.limiter = limiter
    this.strict = strict
  }

  /** Passes on the events of a store until the returned function is called. `tierOf` gives a tier the name that the policy uses. */
  follow(store: Store, tierOf: (tier: Source) => Source = (tier) => tier): () => void {
    const { WeakRef, FinalizationRegistry } = runtime
    if (store.subscribe === undefined) return () => undefined
    if (WeakRef === undefined || FinalizationRegistry === undefined) return store.subscribe((event) => this.pass(event, store.name, tierOf))
    const unfollow = store.subscribe(weakly(new WeakRef<ObserverHub>(this), store.name, tierOf))
    ended ??= new FinalizationRegistry((end) => end())
    ended.register(this, unfollow)
    return unfollow
  }

  /** Shows the limiter to observers of the process, or shows it again when its limits have changed. */
  announce(limiter?: Observable): void {
    if (limiter !== undefined) this.shown = rememberLimiter(limiter)
    if (heard.limiter && this.shown !== undefined) emitToProcess('limiter', this.shown)
  }

  /** Passes on an event of the store with this name. */
  pass(event: StoreEvent, store: string, tierOf?: (tier: Source) => Source): void {
    if (event.type === 'generation') {
      if (event.limiter === this.limiter) this.onGeneration()
      return
    }
    this.emit(event.type === 'tier' && tierOf !== undefined ? { ...event, from: tierOf(event.from), to: tierOf(event.to) } : event)
    emitStoreEvent(event, store)
  }

  /** Whether anybody hears the decisions of this limiter. Nobody: no decision needs facts. */
  get hears(): boolean {
    return heard.anyDecision || this.isHeard
  }

  /** Emits a decision: refusals at once, all in the next microtask, together with all others of this turn. */
  emitDecision(decision: Decision, facts: Facts): void {
    facts.end()
    if (heard.refusal && isRefusal(decision, facts)) emitToProcess('refusal', decision, facts)
    if (!heard.decision && !this.isHeard) return
    if (this.decisions.length === 0) inMicrotask(() => this.flush())
    this.decisions.push(decision)
    this.facts.push(facts)
  }

  /** Reports a likely mistake, once for each code and topic. */
  warn(code: Code, message: string, topic = ''): void {
    const key = `${code} ${topic}`
    if (this.reported.has(key)) return
    // Some topics are names of limits, of which policies that change can make any number.
    if (this.reported.size >= MAX_REPORTED) this.reported.clear()
    this.reported.add(key)
    const event = { type: 'warning', code, message: `limiter "${this.limiter}": ${message}` } as const
    this.emit(event)
    if (heard.warning) emitToProcess('warning', { ...withPage(event), limiter: this.limiter })
  }

  /** Reports a likely mistake in the set-up: as a warning, or with `strict` by throwing each time. */
  warnOrThrow(code: Code, message: string): void {
    if (this.strict) throw new SluiceError(code, message)
    this.warn(code, message)
  }

  private flush(): void {
    const { decisions, facts } = this
    this.decisions = []
    this.facts = []
    for (const [i, decision] of decisions.entries()) {
      const given = facts[i] as Facts
      if (this.isHeard) this.guard('decision', () => this.on.decision?.(decision, given))
      if (heard.decision) emitToProcess('decision', decision, given)
    }
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
      if (!this.reported.has(key)) printCoded('WARN_OBSERVER_FAILED', `limiter "${this.limiter}": on.${name} threw: ${String(error)}`)
      this.reported.add(key)
    }
  }
}

// A store must not keep the limiters that were made on it: one made in a request handler would never be freed.
let ended: { register(target: object, end: () => void): void } | undefined

/** Apart from the hub, since a closure made in a method of it would keep it. */
function weakly(hub: { deref(): ObserverHub | undefined }, store: string, tierOf: (tier: Source) => Source): (event: StoreEvent) => void {
  return (event) => hub.deref()?.pass(event, store, tierOf)
}

/** Whether a request was refused, or something else than the store decided it. */
function isRefusal({ verdict, outcomes }: Decision, { how }: DecisionFacts): boolean {
  if (how === 'peek' || how === 'credit') return false
  return verdict !== 'allowed' || outcomes.some((outcome) => outcome !== undefined && isFailMode(outcome.source))
}

function isFailMode(source: Source): boolean {
  return source === 'local' || source === 'open' || source === 'closed'
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
  printCoded(code, message)
}
