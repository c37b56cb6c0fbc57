import type { BlockRecord } from '@sluice/core/store-kit'

/** What happened to a list. */
export interface BlockChange {
  /** `block` and `allow`: an entry was added or prolonged. `unblock` and `disallow`: it was removed. `expire`: it has ended. */
  readonly change: 'block' | 'unblock' | 'expire' | 'allow' | 'disallow'
  readonly record: BlockRecord
}

/** How a list is, for metrics and health checks. */
export interface BlockListHealth {
  /** Blocks that this process enforces or reports now, by what they do. */
  readonly active: Readonly<Record<'refuse' | 'drop' | 'shadow', number>>
  /** Entries that are never blocked, of the storage and of the option `allow`. */
  readonly allowed: number
  /**
   * What this process has done since its start, by rule; `manual` for its calls. Summed over all processes, each block counts once. Rows of
   * `over-budget` and `full` count subjects that broke the rule and were not blocked.
   */
  readonly changes: readonly { readonly rule: string; readonly action: BlockAction; readonly count: number }[]
  /** Strikes that this process has counted since its start. */
  readonly strikes: number
  /** Subjects with refusals that this process follows now, and how many it gave up since there were more than `maxSubjects`. */
  readonly suspects: { readonly now: number; readonly dropped: number }
  /** Whether the changes of the other processes arrive: `starting` before the first entries were read. */
  readonly storage: 'starting' | 'connected' | 'away'
}

/** What one process does to a list. `renew`: a block by the rule of a subject that was blocked before. */
export type BlockAction = 'block' | 'renew' | 'unblock' | 'allow' | 'disallow' | 'over-budget' | 'full'

/** Counts what this process does. */
export class ActionCounts {
  private readonly counts = new Map<string, Map<BlockAction, number>>()

  constructor(rule: string | undefined) {
    // From the start, since a rate cannot see the first count of a new series.
    if (rule !== undefined) for (const action of ['block', 'renew', 'over-budget', 'full'] as const) this.add(rule, action, 0)
    for (const action of ['block', 'unblock', 'allow', 'disallow'] as const) this.add(MANUAL, action, 0)
  }

  add(rule: string, action: BlockAction, count: number = 1): void {
    let ofRule = this.counts.get(rule)
    if (ofRule === undefined) this.counts.set(rule, (ofRule = new Map()))
    ofRule.set(action, (ofRule.get(action) ?? 0) + count)
  }

  rows(): BlockListHealth['changes'] {
    return [...this.counts].flatMap(([rule, ofRule]) => [...ofRule].map(([action, count]) => ({ rule, action, count })))
  }
}

/** The rule of entries by hand. */
export const MANUAL = 'manual'
