import type { Clock } from './clock.ts'
import type { Decision } from './decision.ts'
import { isPromise, type MaybePromise, randomWords } from './runtime.ts'

/** One call of `wait` that has not ended. */
export interface Waiter {
  /** Its cost, as text. A turn that is given up goes to the next waiter only if both want the same. */
  readonly wants: string
  /** ms, monotonic: when it stops to wait. `Infinity`: never. */
  readonly deadline: number
  ask(): MaybePromise<Decision>
  peek(): MaybePromise<Decision>
  giveBack(this: void, decision: Decision): MaybePromise<void>
  resolve(decision: Decision): void
  reject(error: unknown): void
  /** Ends its timer and its listener. Called once, when it leaves the queue. */
  release(): void
  isDone: boolean
  cancelTimer?: (() => void) | undefined
}

/** What was taken from the store for a waiter. */
interface Turn {
  readonly decision: Decision
  readonly wants: string
  /** ms, monotonic: when the caller may go on. */
  readonly at: number
  giveBack(this: void, decision: Decision): MaybePromise<void>
}

/** What a queue reports to its owner. */
export interface QueueEvents {
  /** It sleeps, since this decision was refused. */
  sleeps(queue: WaitQueue, refused: Decision): void
  /** The sleep after this decision has ended. */
  sleepsNoLonger(queue: WaitQueue, refused: Decision): void
}

/** ms: the most that is added to a wait, so that processes that were refused together do not come back together. */
const MAX_JITTER = 100

/**
 * The waiters of one subject in this process, in the order of their calls. Only the first asks the store, so that any number of them costs one
 * request at a time, and one that gives up delays nobody.
 */
export class WaitQueue {
  private readonly clock: Required<Clock>
  private readonly events: QueueEvents
  private readonly waiters: Waiter[] = []
  /** A turn whose waiter gave up. */
  private spare: Turn | undefined
  private isRunning = false
  /** ms, monotonic: the earliest time at which the first waiter can go on; 0 while it asks. */
  private nextAt = 0
  private endSleep: (() => void) | undefined

  private readonly onEmpty: () => void

  constructor(clock: Required<Clock>, events: QueueEvents, onEmpty: () => void) {
    this.clock = clock
    this.events = events
    this.onEmpty = onEmpty
  }

  add(waiter: Waiter): void {
    this.waiters.push(waiter)
    if (!this.isRunning) {
      void this.run()
      return
    }
    if (waiter.deadline === Infinity) return
    // Those ahead of it need longer than it waits.
    if (this.nextAt > waiter.deadline) void this.expire(waiter)
    else waiter.cancelTimer = this.clock.after(waiter.deadline - this.clock.monotonic(), () => void this.expire(waiter))
  }

  /** Takes a waiter out, if it is still in. What was taken for it goes to the next. */
  fail(waiter: Waiter, error: unknown): void {
    if (this.leave(waiter)) waiter.reject(error)
  }

  failAll(error: unknown): void {
    for (const waiter of this.waiters.slice()) this.fail(waiter, error)
  }

  /** Lets the first waiter ask again. */
  wake(): void {
    this.nextAt = 0
    this.endSleep?.()
  }

  private async run(): Promise<void> {
    this.isRunning = true
    for (;;) {
      const [first] = this.waiters
      if (first !== undefined) await this.serve(first)
      else if (this.spare !== undefined) await this.giveBack(this.takeSpare())
      else break
    }
    this.isRunning = false
    this.onEmpty()
  }

  /** Asks once for the first waiter, and sleeps as long as the answer says. */
  private async serve(waiter: Waiter): Promise<void> {
    waiter.cancelTimer?.()
    try {
      const spare = this.takeSpare()
      if (spare !== undefined && spare.wants !== waiter.wants) await this.giveBack(spare)
      else if (spare !== undefined) return await this.takeTurn(waiter, spare)
      if (waiter.isDone) return
      const answer = waiter.ask()
      const decision = isPromise(answer) ? await answer : answer
      if (decision.allowed) {
        const { wants, giveBack } = waiter
        await this.takeTurn(waiter, { decision, wants, at: this.clock.monotonic() + decision.delay, giveBack })
      } else if (!waiter.isDone) await this.sleepAfter(waiter, decision, isPromise(answer))
    } catch (error) {
      this.fail(waiter, error)
    }
  }

  private async takeTurn(waiter: Waiter, turn: Turn): Promise<void> {
    const { decision, at } = turn
    // Without a delay there is nothing to wait for: what the store needed to answer must not refuse a call that it admitted.
    if (!waiter.isDone && decision.delay > 0 && at > waiter.deadline) {
      this.finish(waiter, tooLong(decision, at - this.clock.monotonic()))
      await this.giveBack(turn)
      return
    }
    while (!waiter.isDone && this.clock.monotonic() < at) await this.sleepUntil(at)
    if (waiter.isDone) this.spare = turn
    else this.finish(waiter, decision.delay === 0 ? decision : { ...decision, delay: 0 })
  }

  private async sleepAfter(waiter: Waiter, refused: Decision, isShared: boolean): Promise<void> {
    const { retryAfter } = refused
    const now = this.clock.monotonic()
    if (retryAfter === Infinity || now + retryAfter > waiter.deadline) {
      this.finish(waiter, refused)
      return
    }
    const jitter = isShared ? ((randomWords(1)[0] as number) / 2 ** 32) * Math.min(MAX_JITTER, retryAfter / 10) : 0
    this.events.sleeps(this, refused)
    try {
      await this.sleepUntil(Math.min(waiter.deadline, now + Math.max(1, retryAfter) + jitter))
    } finally {
      this.events.sleepsNoLonger(this, refused)
    }
  }

  private sleepUntil(at: number): Promise<void> {
    this.nextAt = at
    return new Promise((resolve) => {
      const cancel = this.clock.after(at - this.clock.monotonic(), resolve)
      this.endSleep = () => {
        cancel()
        resolve()
      }
    })
  }

  /** Refuses a waiter that has others before it. */
  private async expire(waiter: Waiter): Promise<void> {
    if (!this.leave(waiter)) return
    try {
      const decision = await waiter.peek()
      const wait = Math.max(1, decision.delay, this.nextAt - this.clock.monotonic())
      waiter.resolve(decision.allowed ? tooLong(decision, wait) : decision)
    } catch (error) {
      waiter.reject(error)
    }
  }

  private finish(waiter: Waiter, decision: Decision): void {
    if (this.leave(waiter)) waiter.resolve(decision)
  }

  private leave(waiter: Waiter): boolean {
    if (waiter.isDone) return false
    waiter.isDone = true
    waiter.cancelTimer?.()
    waiter.release()
    const index = this.waiters.indexOf(waiter)
    this.waiters.splice(index, 1)
    if (index === 0) this.wake()
    return true
  }

  private takeSpare(): Turn | undefined {
    const { spare } = this
    this.spare = undefined
    return spare
  }

  /** Not repeated on a failure: the units stay taken. */
  private async giveBack(turn: Turn | undefined): Promise<void> {
    try {
      await turn?.giveBack(turn.decision)
    } catch {}
  }
}

/** The refusal of a request whose turn would come in `wait` ms, which is too late for it. */
function tooLong(decision: Decision, wait: number): Decision {
  return { ...decision, allowed: false, verdict: 'refused', granted: 0, retryAfter: Math.ceil(wait), delay: 0 }
}
