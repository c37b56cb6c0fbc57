import type { Mode } from './decision.ts'
import { runtime } from './runtime.ts'
import type { StoreHealth } from './store.ts'

/** A limit as it is configured. */
export interface ConfiguredLimit {
  /** The name of the limiter; of a document, that of the policy in it. */
  readonly policy: string
  /** The name of the limit, as decisions have it. */
  readonly limit: string
  /** As decisions have it; `undefined` for the limits beside tiers. */
  readonly tier: string | undefined
  readonly mode: Mode
  /** The units that it allows per window, or at once. `undefined` where requests have different numbers. */
  readonly units: number | undefined
}

/**
 * A limiter, as `observe()` shows it: always the same object for the same limiter. It does not keep the limiter in memory.
 */
export interface ObservedLimiter {
  /** The name of the limiter; for policies that are data, the namespace. Decisions have it as `policy`. */
  readonly name: string
  /** What is configured now, in every tier; none once the limiter is closed or freed. */
  limits(): readonly ConfiguredLimit[]
  /** What decides now; `undefined` once the limiter is closed or freed. */
  health(): StoreHealth | undefined
}

/** What is observed of a limiter. */
export interface Observable {
  readonly name: string
  configured(): readonly ConfiguredLimit[]
  health(): StoreHealth
}

/** Weak, so that a limiter that is made in a request handler is freed. */
const existing = new Set<WeakLimiter>()
const weak = new WeakMap<Observable, WeakLimiter>()
let freed: { register(target: object, end: () => void): void } | undefined

class WeakLimiter implements ObservedLimiter {
  readonly name: string
  private ref: { deref(): Observable | undefined } | undefined

  constructor(name: string, ref: { deref(): Observable | undefined }) {
    this.name = name
    this.ref = ref
  }

  limits(): readonly ConfiguredLimit[] {
    return this.ref?.deref()?.configured() ?? []
  }

  health(): StoreHealth | undefined {
    return this.ref?.deref()?.health()
  }

  end(): void {
    this.ref = undefined
    existing.delete(this)
  }
}

/** Remembers a limiter for observers that come later. Returns how observers see it. */
export function rememberLimiter(limiter: Observable): ObservedLimiter {
  const known = weak.get(limiter)
  if (known !== undefined) return known
  const { WeakRef, FinalizationRegistry } = runtime
  const isWeak = WeakRef !== undefined && FinalizationRegistry !== undefined
  const observed = new WeakLimiter(limiter.name, isWeak ? new WeakRef(limiter) : strongly(limiter))
  weak.set(limiter, observed)
  // A runtime that could not free a limiter that is remembered: only observers that are there already see it.
  if (!isWeak) return observed
  existing.add(observed)
  freed ??= new FinalizationRegistry((end) => end())
  freed.register(limiter, ending(observed))
  return observed
}

// Apart, since closures that are made in one function share what they keep: the end of a limiter would keep it.

function strongly(limiter: Observable): { deref(): Observable } {
  return { deref: () => limiter }
}

function ending(observed: WeakLimiter): () => void {
  return () => observed.end()
}

/** A closed limiter has no limits for observers. */
export function forgetLimiter(limiter: Observable): void {
  weak.get(limiter)?.end()
}

/** The limiters that exist. */
export function observedLimiters(): readonly ObservedLimiter[] {
  return [...existing]
}
