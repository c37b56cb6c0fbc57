import { type Duration, millisOf } from './duration.ts'
import { SluiceError } from './errors.ts'
import type { Fallback } from './fallback.ts'
import type { Generations } from './generations.ts'
import type { Policy } from './policy.ts'
import { chain, type MaybePromise } from './runtime.ts'
import type { BlockChange, Store } from './store.ts'
import { targetsOf } from './subject-values.ts'
import type { Waiters } from './waiting.ts'

interface BlockParts {
  readonly policy: Policy
  /** Of the first limiter and of all that are derived from it. */
  readonly policies: readonly Policy[]
  readonly store: Store
  readonly fallback: Fallback | undefined
  readonly generations: Generations
  readonly waiters: Waiters
}

/** Blocks the subjects of a limiter by hand. A block is of a policy and a subject, whichever limits that policy has. */
export class SubjectBlocks {
  private readonly parts: BlockParts

  constructor(parts: BlockParts) {
    this.parts = parts
  }

  /** Resolves to the end of the block, in ms since the epoch. @throws ERR_OPTION_INVALID, ERR_BLOCK_UNSUPPORTED */
  block(subjects: readonly string[], duration: Duration): MaybePromise<number> {
    return chain(this.change(subjects, millisOf(duration, `limiter "${this.parts.policy.name}": block: duration`)), ({ until }) => until)
  }

  /** Resolves to whether a subject was blocked. @throws ERR_BLOCK_UNSUPPORTED */
  unblock(subjects: readonly string[]): MaybePromise<boolean> {
    return chain(this.change(subjects, 0), ({ wasBlocked }) => wasBlocked)
  }

  private change(subjects: readonly string[], ms: number): MaybePromise<BlockChange> {
    const { policy, policies, store, fallback, generations, waiters } = this.parts
    // Each subject under each limit: a subject that is given for one limit is blocked under all limits of the policy.
    const targets = [...new Set(subjects)].flatMap((subject) => targetsOf(policies, () => subject))
    const block = store.block?.bind(store)
    if (block === undefined || targets.length === 0) {
      const got = block === undefined ? `the store "${store.name}", which cannot block` : 'a limiter without limits'
      throw new SluiceError(
        'ERR_BLOCK_UNSUPPORTED',
        `limiter "${policy.name}": expected a store that blocks, such as memoryStore() or redisStore(), and at least one limit, got ${got}`,
      )
    }
    return generations.onTargets(targets, (current) => {
      fallback?.block(current, ms)
      // Those who wait sleep until the end of the block before.
      return waiters.after(block(current, ms), current)
    })
  }
}
