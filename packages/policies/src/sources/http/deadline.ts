import { type Clock, systemClock } from '@sluice/core'

/** The signal of a request that ends in time: by its own timer, or when the signal of the feed is aborted. */
export class Deadline {
  private readonly controller = new AbortController()
  private readonly after: Required<Clock>['after']
  private readonly outer: AbortSignal
  private readonly stop = (): void => this.controller.abort(this.outer.reason)
  private cancel: (() => void) | undefined

  constructor(outer: AbortSignal, clock: Clock) {
    this.after = clock.after?.bind(clock) ?? systemClock.after
    this.outer = outer
    if (outer.aborted) this.stop()
    // Removed in `end`: the signal of a feed lives as long as the process, and there is a request every few seconds.
    else outer.addEventListener('abort', this.stop)
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  /** Ends the request with the message after `ms` from now, unless it is called again, or `end` is. */
  within(ms: number, message: string): void {
    this.cancel?.()
    this.cancel = this.after(ms, () => this.controller.abort(new Error(message)))
  }

  /** Lets the request take as long as it takes, until `within` is called again. */
  clear(): void {
    this.cancel?.()
  }

  end(): void {
    this.clear()
    this.outer.removeEventListener('abort', this.stop)
  }
}
