import { refuseBlocked } from '../blocked.ts'
import { type Clock, microsOf, systemClock } from '../clock.ts'
import { invalid } from '../errors.ts'
import { Events } from '../events.ts'
import { knownOptions } from '../known-options.ts'
import { boundedKey } from '../hashing/bounded-key.ts'
import type { BlockChange, Charge, ConsumeOptions, Outcome, Store, StoreEvent, StoreHealth } from '../store.ts'
import { Blocks } from './blocks.ts'
import type { Chains } from './chains.ts'
import { limiterIn } from '../scope.ts'
import { FastPath } from './fast-path.ts'
import { FullPath } from './full-path.ts'
import { Overflow, type OverflowMode } from './overflow.ts'
import { NO_SLOT } from './slot-rows.ts'
import { States } from './states.ts'
import { Sweep } from './sweep.ts'

export interface MemoryStoreOptions {
  /**
   * The most states that are kept, 1 to 16,000,000; default 1,000,000. A subject has one state under each limit, so a subject
   * under three limits counts three times.
   */
  readonly maxSubjects?: number | undefined
  /**
   * What happens to a new subject when the store is full and every state has used more than half of its limit. Such states are
   * never evicted. `'shared'` (default): all new subjects share one count per limit. `'deny'`: they are refused for 1 s.
   * `'allow'`: they are not limited.
   */
  readonly overflow?: OverflowMode | undefined
  /** Where the time comes from, in milliseconds since 1970. Default: the system's clock. Give a fake one in tests. */
  readonly clock?: Clock | undefined
}

/**
 * Makes a store in the memory of this process: synchronous, bounded, without timers. It is the default store of a limiter.
 *
 * Each decision removes a few expired states. A full store evicts subjects that were charged once, the oldest first, then
 * subjects that have at least half of their limit left. A subject that has used more than half is kept until it expires.
 *
 * @example
 * ```ts
 * import { createLimiter, memoryStore, slidingWindow } from '@sluice/core'
 *
 * const limiter = createLimiter({
 *   limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' })],
 *   store: memoryStore({ maxSubjects: 100_000 }),
 * })
 * const { allowed } = await limiter.consume('user:42')
 * ```
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options)
}

const MAX_SUBJECTS = 16_000_000

export class MemoryStore implements Store {
  readonly name = 'memory'
  readonly clock: Clock
  private readonly states: States
  private readonly blocks: Blocks
  private readonly sweep: Sweep
  private readonly fastPath: FastPath
  private readonly fullPath: FullPath
  private readonly events = new Events()
  /** By limiter, how often `resetAll` was called. */
  private readonly generations = new Map<string, string>()

  constructor(options: MemoryStoreOptions) {
    knownOptions('memoryStore', options, ['maxSubjects', 'overflow', 'clock'])
    const { maxSubjects = 1_000_000, overflow = 'shared', clock = systemClock } = options
    if (!Number.isInteger(maxSubjects) || maxSubjects < 1 || maxSubjects > MAX_SUBJECTS) {
      throw invalid('memoryStore: maxSubjects', `a whole number from 1 to ${MAX_SUBJECTS}`, maxSubjects)
    }
    if (overflow !== 'shared' && overflow !== 'deny' && overflow !== 'allow')
      throw invalid('memoryStore: overflow', "'shared', 'deny' or 'allow'", overflow)
    if (typeof clock?.now !== 'function') throw invalid('memoryStore: clock', 'an object with a function now()', clock)
    this.clock = clock
    this.states = new States(maxSubjects)
    this.blocks = new Blocks(maxSubjects)
    this.sweep = new Sweep(this.states)
    this.fastPath = new FastPath(this.states)
    this.fullPath = new FullPath(this.states, new Overflow(overflow, maxSubjects, this.events))
  }

  consume(charges: readonly Charge[], options: ConsumeOptions = NO_OPTIONS): readonly (Outcome | undefined)[] {
    const now = microsOf(this.clock)
    this.sweep.run(charges.length, now)
    const blocked = this.blocks.size > 0 ? this.refuseBlocked(charges, options, now) : undefined
    if (blocked !== undefined) return blocked
    return this.fastPath.decide(charges, now, options) ?? this.fullPath.decide(charges, now, options)
  }

  reset(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]): boolean {
    const { scopes, slots } = this.states
    scopes.prune()
    let wasUsed = false
    for (const target of targets) {
      const { table, algorithm } = scopes.resolve(target, 0)
      const slot = this.states.slotOf(table, target.subject)
      if (slot === NO_SLOT) continue
      // A state that has expired is kept for a while, and counts nothing.
      const { outcome } = algorithm.step(slots.state(slot, table), { ...target, cost: 0 }, microsOf(this.clock), PEEK)
      wasUsed ||= outcome.used > 0
      slots.remove(slot)
    }
    return wasUsed
  }

  block(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[], ms: number): BlockChange {
    const { blocks } = this
    const now = microsOf(this.clock)
    const until = ms > 0 ? now + ms * 1000 : 0
    const named = targets.map((target) => this.policyAndSubject(target, 0))
    const before = Math.max(0, ...named.map(([policy, subject]) => blocks.untilOf(policy, subject)))
    for (const [policy, subject] of named) {
      if (until > 0) blocks.set(policy, subject, until, now)
      else blocks.delete(policy, subject)
    }
    return { until: Math.ceil(until / 1000), wasBlocked: before > now }
  }

  resetAll(limiter: string): void {
    this.generations.set(limiter, String(Number(this.generationOf(limiter)) + 1))
    const isRetired = (scope: string): boolean => limiterIn(scope) === limiter
    for (const chains of this.states.scopes.chainsOf(isRetired)) this.blocks.deletePolicy(chains)
    this.states.retire(isRetired)
    this.events.emit({ type: 'generation', limiter })
  }

  generationOf(limiter: string): string {
    return this.generations.get(limiter) ?? ''
  }

  ready(): void {}

  close(): void {
    this.states.clear()
    this.blocks.clear()
  }

  health(): StoreHealth {
    return { tier: 'memory', breaker: 'closed' }
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    return this.events.subscribe(listener)
  }

  private refuseBlocked(charges: readonly Charge[], options: ConsumeOptions, now: number): readonly (Outcome | undefined)[] | undefined {
    this.blocks.removeEnded(now)
    return refuseBlocked(charges, options, (charge, i) => this.blocks.untilOf(...this.policyAndSubject(charge, i)), now, this.name)
  }

  private policyAndSubject(
    target: Pick<Charge, 'limit' | 'scope' | 'subject'>,
    position: number,
  ): readonly [policy: Chains, subject: string] {
    return [this.states.scopes.resolve(target, position).table.chains, boundedKey(target.subject)]
  }
}

const NO_OPTIONS: ConsumeOptions = Object.freeze({})
const PEEK: ConsumeOptions = Object.freeze({ how: 'peek' })
