import type { FeedObservers } from './observers.ts'
import type { Warnings } from './warnings.ts'

/** Called when a document comes into force. */
export type ChangeListener = NonNullable<FeedObservers['change']>

/** Who is called when a document comes into force. */
export class ChangeListeners {
  private readonly listeners = new Set<ChangeListener>()
  private readonly warnings: Warnings

  constructor(first: ChangeListener | undefined, warnings: Warnings) {
    if (first !== undefined) this.listeners.add(first)
    this.warnings = warnings
  }

  add(listener: ChangeListener): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  call(change: Parameters<ChangeListener>[0]): void {
    for (const listener of this.listeners) {
      try {
        listener(change)
      } catch (error) {
        // It would look like a failure of the source.
        this.warnings.report('on.change', 'WARN_OBSERVER_FAILED', `policyFeed: on.change threw: ${String(error)}`)
      }
    }
  }
}
