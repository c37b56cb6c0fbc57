import { systemClock } from './clock.ts'
import { backOff } from './follow.ts'

/** How many messages are under way at a time. One whose window has not begun may wait for a minute. */
const MOST = 1_000
/** ms between two attempts to apply a message, at most. */
const LONGEST_PAUSE = 5_000
/** ms that a close waits for what is being applied. */
const CLOSING = 1_000

/** What `Deliveries` calls. */
export interface DeliveryParts {
  readonly apply: (body: Uint8Array) => Promise<void>
  /** The message is applied: the transport acknowledges it. */
  readonly done: (id: string) => void
}

interface UnderWay {
  /** The attempt that runs. `undefined` between two attempts. */
  running: Promise<void> | undefined
  attempts: number
  cancel: () => void
}

/**
 * The messages that a transport between regions has received and not acknowledged. Each is applied at once, in the order in which they came,
 * and again until it succeeds. One that waits does not hold up the others.
 */
export class Deliveries {
  private readonly parts: DeliveryParts
  private readonly underWay = new Map<string, UnderWay>()
  private waiting: (() => void)[] = []
  private isClosed = false

  constructor(parts: DeliveryParts) {
    this.parts = parts
  }

  /** Begins to apply a message, unless it is under way already. */
  add(id: string, body: Uint8Array): void {
    if (this.isClosed || this.underWay.has(id)) return
    const message: UnderWay = { running: undefined, attempts: 0, cancel: () => undefined }
    this.underWay.set(id, message)
    this.attempt(id, body, message)
  }

  /** The messages that were never rejected. One that was may go to another process. */
  held(): readonly string[] {
    return Array.from(this.underWay).flatMap(([id, { attempts, running }]) => (attempts === 1 && running !== undefined ? [id] : []))
  }

  /** Resolves when there is room for more, or when it is closed. */
  async room(): Promise<void> {
    while (this.underWay.size >= MOST && !this.isClosed) await new Promise<void>((resolve) => this.waiting.push(resolve))
  }

  /** Begins no attempt any more. Resolves when those that run have ended, at the latest after a second. */
  async close(): Promise<void> {
    this.isClosed = true
    this.release()
    const running = Array.from(this.underWay.values(), (message) => (message.cancel(), message.running))
    let cancel = (): void => undefined
    const late = new Promise<void>((resolve) => (cancel = systemClock.after(CLOSING, resolve)))
    await Promise.race([Promise.all(running), late])
    cancel()
  }

  private attempt(id: string, body: Uint8Array, message: UnderWay): void {
    message.attempts += 1
    const applied = async (): Promise<void> => this.parts.apply(body)
    message.running = applied().then(
      () => {
        this.underWay.delete(id)
        this.parts.done(id)
        this.release()
      },
      () => {
        message.running = undefined
        if (this.isClosed) return
        message.cancel = systemClock.after(backOff(message.attempts, LONGEST_PAUSE), () => this.attempt(id, body, message))
      },
    )
  }

  private release(): void {
    for (const resolve of this.waiting.splice(0)) resolve()
  }
}
