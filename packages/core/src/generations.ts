import { SluiceError } from './errors.ts'
import { chain, isPromise, type MaybePromise } from './runtime.ts'
import { generationIn, withGeneration } from './scope.ts'
import type { Charge, Store } from './store.ts'
import type { Target } from './subject-values.ts'
import type { Waiters } from './waiting.ts'

/**
 * The generation of a limiter's states. `resetAll` begins another, in which each scope has another text: the states before are never read
 * again, and a decision that was made before settles where nothing reads it. The first generation adds nothing to a scope.
 */
export class Generations {
  /** Whether `resetAll` was never called: scopes are those of the definition. */
  isFirst = true
  private readonly store: Store
  readonly limiter: string
  private readonly waiters: Waiters
  private generation = ''
  /** By scope of the definition, the scope in this generation. */
  private readonly scopes = new Map<string, string>()

  constructor(store: Store, limiter: string, waiters: Waiters) {
    this.store = store
    this.limiter = limiter
    this.waiters = waiters
    this.read()
  }

  /** Reads the generation that the store knows. Those who wait were refused in an earlier one, so they ask again. */
  read(): void {
    this.generation = this.store.generationOf?.(this.limiter) ?? ''
    this.isFirst = this.generation === ''
    this.scopes.clear()
    this.waiters.wakeAll()
  }

  /** The scope in this generation of a scope of any generation. */
  scopeOf(scope: string): string {
    let current = this.scopes.get(scope)
    if (current === undefined) this.scopes.set(scope, (current = withGeneration(scope, this.generation)))
    return current
  }

  private targetsOf(targets: readonly Target[]): readonly Target[] {
    return this.isFirst ? targets : targets.map((target) => ({ ...target, scope: this.scopeOf(target.scope) }))
  }

  /**
   * Runs for the targets in this generation. Runs again if the store knows that it has ended, as after a `resetAll` of another process.
   * Rejects with the store's error if the generation is the same.
   */
  onTargets<T>(targets: readonly Target[], run: (current: readonly Target[]) => MaybePromise<T>): MaybePromise<T> {
    const { generation } = this
    const done = run(this.targetsOf(targets))
    if (!isPromise(done)) return done
    return done.catch((error: unknown) => {
      if (!isOutdated(error) || generation === this.generation) throw error
      return this.onTargets(targets, run)
    })
  }

  /** The charges, which were refused with `error`, in this generation. @throws `error` if they are of this generation */
  chargesOf(charges: readonly Charge[], error: unknown): readonly Charge[] {
    if (charges.every((charge) => this.isCurrent(charge))) throw error
    return charges.map((charge) => ({ ...charge, scope: this.scopeOf(charge.scope) }))
  }

  /** Whether a charge is of this generation. A store that lost its generations is in the first again, which earlier charges are not of. */
  isCurrent({ scope }: Pick<Charge, 'scope'>): boolean {
    return generationIn(scope) === this.generation
  }

  /** @throws ERR_RESET_ALL_UNSUPPORTED */
  resetAll(): MaybePromise<void> {
    const { store, limiter } = this
    if (store.resetAll === undefined) {
      throw new SluiceError(
        'ERR_RESET_ALL_UNSUPPORTED',
        `limiter "${limiter}": resetAll: expected a store that can forget all subjects of a limiter, got "${store.name}", which cannot; reset each subject, or give the limiter another name`,
      )
    }
    return chain(store.resetAll(limiter), () => this.read())
  }
}

// Registered, so that the error of another copy of this package is recognised.
const OUTDATED: unique symbol = Symbol.for('sluice.generation.outdated') as never

/**
 * The error of a store for a charge whose scope is of another generation than the store knows. The store has not decided it, or what it
 * decided is forgotten. The limiter decides again under its new scopes.
 */
export function outdatedGeneration(): Error {
  return Object.assign(new Error('the charge is of a generation that resetAll has ended'), { [OUTDATED]: true })
}

export function isOutdated(error: unknown): boolean {
  return typeof error === 'object' && error !== null && OUTDATED in error
}
