import type { Clock } from '@sluice/core'
import type { BlockRecord, BlockStorage } from '@sluice/core/store-kit'
import type { ActionCounts } from './changes.ts'
import type { RuleSettings } from './options.ts'
import type { Tracker } from './strikes/tracker.ts'
import type { Warnings } from './warnings.ts'

const EVERY = 1_000

export interface ReporterParts {
  readonly rule: RuleSettings
  readonly maxEntries: number
  readonly clock: Required<Clock>
  readonly storage: BlockStorage
  readonly tracker: Tracker
  readonly warnings: Warnings
  readonly actions: ActionCounts
  /** Called with each new block that came of a report of this process. */
  blocked(this: void, record: BlockRecord): void
}

/** Reports the strikes of this process to the storage each second, while there are subjects with refusals. */
export class Reporter {
  private readonly parts: ReporterParts
  private cancel: (() => void) | undefined
  private isSending = false

  constructor(parts: ReporterParts) {
    this.parts = parts
  }

  start(): void {
    this.cancel ??= this.parts.clock.after(EVERY, () => this.tick())
  }

  close(): void {
    this.cancel?.()
    this.cancel = undefined
  }

  private tick(): void {
    this.cancel = undefined
    // A storage that is slow gets no second report, which would come to it with the first.
    if (!this.isSending) void this.send()
    if (this.parts.tracker.suspects.size > 0) this.start()
  }

  private async send(): Promise<void> {
    const { rule, maxEntries, storage, tracker, warnings, actions, blocked } = this.parts
    const reports = tracker.collect()
    if (reports.length === 0) return
    this.isSending = true
    try {
      const answer = await storage.report(reports, { ...rule, maxEntries, active: tracker.active })
      for (const record of answer.blocked) {
        actions.add(rule.name, record.level > 1 ? 'renew' : 'block')
        blocked(record)
      }
      actions.add(rule.name, 'over-budget', answer.overBudget)
      actions.add(rule.name, 'full', answer.full)
      if (answer.overBudget > 0) warnings.overBudget(answer.overBudget)
      if (answer.full > 0) warnings.full(answer.full)
    } catch {
      // The report is lost: a block that comes late is better than one that comes of strikes counted twice. The follower warns.
    } finally {
      this.isSending = false
    }
  }
}
