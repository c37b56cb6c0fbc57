import type { Code } from '@sluice/core'
import { printWarning, withCode } from '@sluice/core/adapter-kit'
import type { FeedObservers } from './observers.ts'

/** Reports each problem once, until it changes or ends. A source is read again and again, and would report it each time. */
export class Warnings {
  private readonly current = new Map<string, string>()
  private readonly observer: NonNullable<FeedObservers['warning']>

  constructor(observer: FeedObservers['warning'] = ({ message }) => printWarning(message)) {
    this.observer = observer
  }

  /** @param about what the problem is of: a key of the source, or the source itself */
  report(about: string, code: Code, message: string): void {
    if (this.current.get(about) === message) return
    // Again at the end: `last` is the latest.
    this.current.delete(about)
    this.current.set(about, message)
    try {
      // An error has its code and its page already.
      this.observer({ code, message: code === 'ERR_POLICY_INVALID' ? message : withCode(message, code) })
    } catch {
      // An observer that fails must not end the feed.
    }
  }

  clear(about: string): void {
    this.current.delete(about)
  }

  /** The latest problem that has not ended. */
  get last(): string | undefined {
    return [...this.current.values()].at(-1)
  }
}
