import { elapsedTime } from './clock.ts'
import type { Decision } from './decision.ts'
import type { DecisionFacts } from './decision-facts.ts'
import { invalid, withCode } from './errors.ts'
import { knownOptions } from './known-options.ts'
import { type ObservedLimiter, observedLimiters } from './observed-limiters.ts'
import { printCoded } from './print-warning.ts'
import type { StoreEvent } from './store.ts'

/** An event of one type. */
export type EventOf<T extends StoreEvent['type']> = Extract<StoreEvent, { readonly type: T }>

/** An event, and the name of the limiter or the store that it came from. */
export type ProcessEvent<T extends StoreEvent['type']> = EventOf<T> & {
  readonly limiter?: string | undefined
  readonly store?: string | undefined
}

/** A store has sent a command that decides, and the command has ended. */
export interface CommandEvent {
  readonly type: 'command'
  /** The name of the store. */
  readonly store: string
  /** What fails together: a server, or a partition of a cluster. As in events of breakers. */
  readonly shard: string
  /** How many decisions the command carried. */
  readonly decisions: number
  /** ms from sending the command to its answer, or until it failed. With a fraction. */
  readonly milliseconds: number
  /** Whether the store answered all of these decisions. */
  readonly ok: boolean
}

/** Functions that are called with the events of every limiter of this process. All are optional. */
export interface ProcessObservers {
  /** Called for every decision, in a microtask after it: it never delays the request. Also for peeks: see `facts.how`. */
  readonly decision?: ((decision: Decision, facts: DecisionFacts) => void) | undefined
  /**
   * Called at once, in the async context of the request, for a decision that refused, or that the store did not make: its source is a failure
   * mode. Not called for peeks and credits. For traces, whose spans are found by the context; the request waits, so it must be fast.
   */
  readonly refusal?: ((decision: Decision, facts: DecisionFacts) => void) | undefined
  /** Called when another tier of a store begins to answer. Once for a store, however many limiters it has. */
  readonly tier?: ((event: ProcessEvent<'tier'>) => void) | undefined
  /** Called when a circuit breaker of a store opens, half-opens or closes. */
  readonly breaker?: ((event: ProcessEvent<'breaker'>) => void) | undefined
  /** Called when another region begins to be silent, or is heard again. Only with the option `regions` of a store. */
  readonly region?: ((event: ProcessEvent<'region'>) => void) | undefined
  /** Called when Sluice went on after an unexpected failure: `ANOMALY_…` codes. */
  readonly anomaly?: ((event: ProcessEvent<'anomaly'>) => void) | undefined
  /** Called once for each likely mistake in the set-up: `WARN_…` codes. They are printed nevertheless, unless a limiter has `on.warning`. */
  readonly warning?: ((event: ProcessEvent<'warning'>) => void) | undefined
  /** Called when a command of a store has ended, such as one round trip to Redis. */
  readonly command?: ((event: CommandEvent) => void) | undefined
  /** Called for each limiter that exists, for each that is made later, and again when its limits have changed. */
  readonly limiter?: ((limiter: ObservedLimiter) => void) | undefined
}

const NAMES = ['decision', 'refusal', 'tier', 'breaker', 'region', 'anomaly', 'warning', 'command', 'limiter'] as const

/** One call of `observe`. */
class Attachment {
  isAttached = true
  readonly observers: ProcessObservers
  private readonly failed = new Set<string>()

  constructor(observers: ProcessObservers) {
    this.observers = observers
  }

  call(name: keyof ProcessObservers, value: unknown, facts: DecisionFacts | undefined): void {
    // An observer may detach others, or itself, while they are called.
    if (!this.isAttached || this.observers[name] === undefined) return
    try {
      ;(this.observers[name] as (value: unknown, facts: unknown) => void)(value, facts)
    } catch (error) {
      // Printed rather than passed to an observer of warnings, which may be the one that failed.
      if (!this.failed.has(name)) printCoded('WARN_OBSERVER_FAILED', `observe: ${name} threw: ${String(error)}`)
      this.failed.add(name)
    }
  }
}

/** Replaced when it changes, so that observers may attach and detach while others are called. */
let attached: readonly Attachment[] = []

/** Which events anybody in this process hears. Read at each decision, so these are plain fields of one object. */
export const heard: Record<keyof ProcessObservers | 'anyDecision', boolean> = {
  /** `decision` or `refusal`. */
  anyDecision: false,
  decision: false,
  refusal: false,
  tier: false,
  breaker: false,
  region: false,
  anomaly: false,
  warning: false,
  command: false,
  limiter: false,
}

/**
 * Hears every limiter of this process, those that exist and those made later, until the returned function is called. It does not keep limiters
 * in memory. An observer that throws does no harm: its first error is printed as `WARN_OBSERVER_FAILED`.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { observe } from '@sluice/core'
 *
 * const refused = new Map<string, number>()
 * const stop = observe({
 *   decision({ policy, verdict }, { how, route = 'unknown' }) {
 *     if (how !== 'charge' || verdict === 'allowed') return
 *     refused.set(`${policy} ${route}`, (refused.get(`${policy} ${route}`) ?? 0) + 1)
 *   },
 * })
 * process.once('SIGTERM', stop)
 * ```
 */
export function observe(observers: ProcessObservers): () => void {
  knownOptions('observe', observers, NAMES)
  for (const name of NAMES) {
    if (observers[name] !== undefined && typeof observers[name] !== 'function')
      throw invalid(`observe: ${name}`, 'a function', observers[name])
  }
  const attachment = new Attachment(observers)
  attach([...attached, attachment])
  if (observers.limiter !== undefined) for (const limiter of observedLimiters()) attachment.call('limiter', limiter, undefined)
  return () => {
    attachment.isAttached = false
    attach(attached.filter((each) => each !== attachment))
  }
}

function attach(all: readonly Attachment[]): void {
  attached = all
  for (const name of NAMES) heard[name] = all.some(({ observers }) => observers[name] !== undefined)
  heard.anyDecision = heard.decision || heard.refusal
}

/** Calls the observers of the process. Never throws. */
export function emitToProcess(name: keyof ProcessObservers, value: unknown, facts?: DecisionFacts): void {
  for (const attachment of attached) attachment.call(name, value, facts)
}

const reported = new WeakSet<StoreEvent>()

/** Emits an event of a store once, though each of its limiters passes it on. A store also repeats its warnings to later limiters. */
export function emitStoreEvent(event: Exclude<StoreEvent, { readonly type: 'generation' }>, store: string): void {
  if (!heard[event.type] || reported.has(event)) return
  reported.add(event)
  emitToProcess(event.type, { ...withPage(event), store })
}

/** The event as an observer gets it. A store emits one object to all of its limiters, so the message is completed in a copy. */
export function withPage<T extends StoreEvent>(event: T): T {
  return 'code' in event ? { ...event, message: withCode(event.message, event.code) } : event
}

/** For a store: whether anybody hears commands, where the shard must be found out for `beginCommand`. */
export function areCommandsHeard(): boolean {
  return heard.command
}

/**
 * For a store, as it sends a command. Returns what to call once with whether the store answered all decisions; `undefined` if nobody hears
 * commands, so that the command costs nothing more.
 */
export function beginCommand(store: string, shard: string, decisions: number): ((ok: boolean) => void) | undefined {
  return heard.command ? commandEnd(store, shard, decisions) : undefined
}

/** Apart: a function that contains a closure allocates memory for it at every call. */
function commandEnd(store: string, shard: string, decisions: number): (ok: boolean) => void {
  const began = elapsedTime()
  let isEnded = false
  return (ok) => {
    if (isEnded) return
    isEnded = true
    const milliseconds = elapsedTime() - began
    emitToProcess('command', { type: 'command', store, shard, decisions, milliseconds, ok } satisfies CommandEvent)
  }
}
