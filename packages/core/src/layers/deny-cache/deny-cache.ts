import { algorithmOf } from '../../algorithms/registry.ts'
import { type Clock, systemClock } from '../../clock.ts'
import { invalid } from '../../errors.ts'
import { knownOptions } from '../../known-options.ts'
import { isPromise, type MaybePromise } from '../../runtime.ts'
import type { BlockChange, Charge, ConsumeOptions, Outcome, Store } from '../../store.ts'
import { type Instant, instantOf } from '../instant.ts'
import { isSameLimit } from '../same-limit.ts'
import { stateHash, type StateId, StateMap } from '../state-map.ts'
import { wrapStore } from '../wrap-store.ts'
import { isLive, minUnitsOf, outcomeAt, type Refusal } from './refusal.ts'

/**
 * Options of the deny cache, which repeats recent refusals without asking the store.
 *
 * @example
 * ```ts
 * import { redisStore } from '@sluice/redis'
 *
 * const store = redisStore({ url: 'redis://localhost:6379' }, { denyCache: { maxSubjects: 50_000 } })
 * ```
 */
export interface DenyCacheOptions {
  /**
   * The most refusals that are kept, of which the oldest go first: 1 to 1,000,000; default 10,000. A subject has one for each limit
   * that refused it.
   */
  readonly maxSubjects?: number | undefined
  /** The clock of this process, for tests; default: the system's. */
  readonly clock?: Clock | undefined
}

/**
 * A store that repeats recent refusals without asking the wrapped store. A refusal holds for its cost and every larger one until its
 * `retryAfter` has passed, for at most 1 s. Refunds, resets, charges and `unblock` through this layer end it at once. Those of other processes
 * do not, so the layer may refuse for up to 1 s what the store would admit. It never admits a request itself.
 *
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { createLimiter, denyCache, fixedWindow, memoryStore } from '@sluice/core'
 *
 * // Shown over the memory store. It saves a round trip if the store is remote.
 * const store = denyCache(memoryStore(), { maxSubjects: 50_000 })
 * const limiter = createLimiter({ store, limits: [fixedWindow({ name: 'minute', limit: 100, window: '1m' })] })
 * ```
 */
export function denyCache(inner: Store, options: DenyCacheOptions = {}): Store {
  const cache = new DenyCache(inner, options)
  return wrapStore(inner, {
    consume: (charges, how) => cache.consume(charges, how),
    reset: (targets) => cache.reset(targets),
    ...(inner.block && { block: (targets, ms) => cache.block(targets, ms) }),
  })
}

const MAX_SUBJECTS = 1_000_000
/** Subjects share this many counters by their hash. If another subject changes a counter, one refusal is not kept. */
const COUNTERS = 1_024

type Outcomes = readonly (Outcome | undefined)[]

class DenyCache {
  private readonly inner: Store
  private readonly clock: Clock
  private readonly refusals: StateMap<Refusal>
  /** By hash, the number of the last change to a subject: a refusal that was asked for before it must not be kept. */
  private readonly changedAt = new Float64Array(COUNTERS)
  private changes = 0

  constructor(inner: Store, options: DenyCacheOptions) {
    knownOptions('denyCache', options, ['maxSubjects', 'clock'])
    const { maxSubjects = 10_000, clock = systemClock } = options
    if (!Number.isInteger(maxSubjects) || maxSubjects < 1 || maxSubjects > MAX_SUBJECTS)
      throw invalid('denyCache: maxSubjects', `a whole number from 1 to ${MAX_SUBJECTS}`, maxSubjects)
    if (typeof clock?.now !== 'function') throw invalid('denyCache: clock', 'an object with a function now()', clock)
    this.inner = inner
    this.clock = clock
    this.refusals = new StateMap(maxSubjects)
  }

  consume(charges: readonly Charge[], options: ConsumeOptions = NO_OPTIONS): MaybePromise<Outcomes> {
    const { how = 'charge', lease } = options
    if (how === 'peek') return this.inner.consume(charges, options)
    // A lease can be refused because of its ceiling, though the limit would admit it.
    if (how === 'force' || lease !== undefined || !charges.every(isNewCharge))
      return this.change(charges, () => this.inner.consume(charges, options))
    const asked = instantOf(this.clock)
    const known = this.refuse(charges, options, asked)
    if (known !== undefined) return known
    const before = this.changes
    const learn = (outcomes: Outcomes): Outcomes => {
      this.learn(charges, outcomes, options, asked, before)
      return outcomes
    }
    const outcomes = this.inner.consume(charges, options)
    // A charge that failed may have been made. The known waits would then be too short.
    return isPromise(outcomes) ? outcomes.then(learn, (error: unknown) => this.fail(charges, error)) : learn(outcomes)
  }

  reset(targets: readonly StateId[]): MaybePromise<boolean | void> {
    return this.change(targets, () => this.inner.reset(targets))
  }

  block(targets: readonly StateId[], ms: number): MaybePromise<BlockChange> {
    return this.change(targets, () => this.inner.block?.(targets, ms) as MaybePromise<BlockChange>)
  }

  /** Forgets twice. Before: the store may apply the change at any moment. After: a refusal may have arrived in the meantime. */
  private change<T>(targets: readonly StateId[], run: () => MaybePromise<T>): MaybePromise<T> {
    this.forget(targets)
    const result = run()
    if (!isPromise(result)) return result
    return result.then(
      (value) => {
        this.forget(targets)
        return value
      },
      (error: unknown) => this.fail(targets, error),
    )
  }

  private fail(targets: readonly StateId[], error: unknown): never {
    this.forget(targets)
    throw error
  }

  private forget(targets: readonly StateId[]): void {
    this.changes += 1
    for (const target of targets) this.forgetOne(target)
  }

  private forgetOne(target: StateId): void {
    if (this.refusals.size > 0) this.refusals.take(target)
    this.changedAt[counterOf(target)] = this.changes
  }

  /** The outcomes of a decision with at least one charge that is known to be refused; `undefined` if there is none. */
  private refuse(charges: readonly Charge[], options: ConsumeOptions, now: Instant): Outcomes | undefined {
    if (this.refusals.size === 0) return undefined
    let outcomes: (Outcome | undefined)[] | undefined
    for (let i = 0; i < charges.length; i++) {
      const charge = charges[i] as Charge
      const refusal = this.refusals.get(charge)
      if (refusal === undefined || minUnitsOf(charge, options) < refusal.cost || !isSameLimit(refusal.limit, charge.limit)) continue
      if (!isLive(refusal, now)) continue
      outcomes ??= charges.map(() => undefined)
      outcomes[i] = outcomeAt(refusal, minUnitsOf(charge, options), now)
    }
    return outcomes
  }

  private learn(charges: readonly Charge[], outcomes: Outcomes, options: ConsumeOptions, asked: Instant, before: number): void {
    this.changes += 1
    let isRefused = false
    for (let i = 0; i < charges.length; i++) {
      const outcome = outcomes[i]
      if (outcome === undefined) continue
      if (outcome.granted !== 0) this.forgetOne(charges[i] as Charge)
      if (!outcome.allowed) isRefused = true
    }
    if (!isRefused) return
    let answered: Instant | undefined
    for (const [i, charge] of charges.entries()) {
      const outcome = outcomes[i]
      if (outcome === undefined || !this.mayKeep(charge, outcome)) continue
      // A second charge on one state was refused because of the sum of both.
      if (charges.findIndex((other) => isSameSubject(other, charge)) < i) continue
      if ((this.changedAt[counterOf(charge)] as number) > before) continue
      answered ??= instantOf(this.clock)
      this.keep(charge, { limit: charge.limit, cost: minUnitsOf(charge, options), outcome, asked, answered })
    }
  }

  private mayKeep({ limit, scope }: Charge, { allowed, source, held, retryAfter }: Outcome): boolean {
    if (allowed || held === true || retryAfter <= 1 || source !== this.inner.name) return false
    // A shadow policy must report the store's own decision each time.
    return algorithmOf(limit).denyCacheable && !scope.startsWith('~')
  }

  private keep(charge: Charge, refusal: Refusal): void {
    const known = this.refusals.get(charge)
    const isSmaller = known !== undefined && known.cost < refusal.cost && isSameLimit(known.limit, refusal.limit)
    if (isSmaller && isLive(known, refusal.answered)) return
    this.refusals.set(charge, refusal)
  }
}

const NO_OPTIONS: ConsumeOptions = Object.freeze({})

function counterOf(id: StateId): number {
  return stateHash(id) % COUNTERS
}

function isSameSubject(a: Charge, b: Charge): boolean {
  return a.scope === b.scope && a.subject === b.subject
}

function isNewCharge({ cost, receipt }: Charge): boolean {
  return cost >= 0 && receipt === undefined
}
