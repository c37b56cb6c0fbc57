import { algorithmOf } from '../../algorithms/registry.ts'
import type { Charge, Store } from '../../store.ts'
import { isStoreError, isUndone } from './store-error.ts'

/** Give-backs in flight at a time: two batches of a store that decides 64 at once. */
const BATCH = 128

/**
 * The give-backs of one shard that could not be sent: to be made when the store is back. Each is made at most once: a receipt names what it
 * gives back. A release names its holder, so it may also be sent again when its answer was lost. Bounded: of more than `max`, those that
 * have waited longest are dropped, and their units expire in the store.
 */
export class OwedGiveBacks {
  private readonly store: Store
  private readonly max: number
  /** In the order of the calls. A release is under the name of its holder, any other give-back under a number. */
  private readonly owed = new Map<string | number, Charge>()
  private count = 0

  constructor(store: Store, max: number) {
    this.store = store
    this.max = max
  }

  get size(): number {
    return this.owed.size
  }

  /** `inDoubt`: the store may have made this give-back. */
  add(charge: Charge, inDoubt: boolean): void {
    if (charge.cost >= 0 || charge.receipt === undefined || (inDoubt && !algorithmOf(charge.limit).holds)) return
    // A holder is released once, whatever the number of calls. All charges of one window can have equal receipts.
    const isRelease = algorithmOf(charge.limit).holds
    this.owed.set(isRelease ? JSON.stringify([charge.scope, charge.subject, charge.receipt]) : ++this.count, charge)
    if (this.owed.size <= this.max) return
    const [oldest] = this.owed.keys()
    this.owed.delete(oldest as string | number)
  }

  /** Makes as many give-backs as are owed now. Resolves to whether the store answered each of them. */
  async send(): Promise<boolean> {
    for (let rounds = Math.ceil(this.owed.size / BATCH); rounds > 0; rounds--) {
      const batch = [...this.owed].slice(0, BATCH)
      for (const [key] of batch) this.owed.delete(key)
      const errors = await Promise.all(batch.map(([, charge]) => this.giveBack(charge)))
      if (errors.some(isStoreError)) return false
    }
    return true
  }

  /** Returns the error if that fails. */
  private async giveBack(charge: Charge): Promise<unknown> {
    try {
      await this.store.consume([charge], FORCE)
      return undefined
    } catch (error) {
      if (isStoreError(error)) this.add(charge, !isUndone(error))
      return error
    }
  }
}

const FORCE = Object.freeze({ how: 'force' as const })
