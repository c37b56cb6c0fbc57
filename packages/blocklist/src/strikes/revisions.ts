import type { BlockStorage } from '@sluice/core/store-kit'

interface Known {
  readonly revision: number
  /** Until when refusals of this policy are no strikes, by a clock that never goes back. `Infinity` while the storage has not answered. */
  quietUntil: number
}

const MAX_POLICIES = 1_000

/** Which policies have a new revision: one with a mistake refuses clients that have done nothing. */
export class Revisions {
  private readonly known = new Map<string, Known>()
  private readonly storage: Pick<BlockStorage, 'revisionAge'>
  private readonly quiet: number
  private readonly monotonic: () => number

  constructor(storage: Pick<BlockStorage, 'revisionAge'>, quiet: number, monotonic: () => number) {
    this.storage = storage
    this.quiet = quiet
    this.monotonic = monotonic
  }

  /** Whether a policy has had its revision for long enough. The first revision of all is not new: it was there before. */
  isSettled(policy: string, revision: number, now: number): boolean {
    const known = this.known.get(policy)
    if (known?.revision === revision) return now >= known.quietUntil
    if (this.known.size >= MAX_POLICIES) this.known.clear()
    const fresh: Known = { revision, quietUntil: Infinity }
    this.known.set(policy, fresh)
    this.storage.revisionAge(policy, revision).then(
      (age) => {
        fresh.quietUntil = this.monotonic() + Math.max(0, this.quiet - age)
      },
      () => {
        fresh.quietUntil = this.monotonic() + this.quiet
      },
    )
    return false
  }
}
