import { type Clock, completeClock } from '../clock.ts'
import { SluiceError } from '../errors.ts'
import { isPromise, runtime } from '../runtime.ts'

/** Lets work go on after the response of the request that began it, such as `waitUntil` of `cloudflare:workers`. */
export type WaitUntil = (work: Promise<unknown>) => void

/** How much longer than its time a timer waits for a request, as a part of its time, so that a request is usually first. */
const PATIENCE = 0.5

/**
 * What a part of a layer does for no request: one timer, and work that no request waits for. With `waitUntil`, the runtime ends timers
 * and I/O with the request that began them. Then the first request after the time does the work, and `waitUntil` keeps it.
 */
export class Background {
  private readonly clock: Required<Clock>
  private readonly waitUntil: WaitUntil | undefined
  private cancelTimer: () => void = () => undefined
  private run: (() => unknown) | undefined
  /** ms, monotonic: when the timer was set, and when it is due. */
  private setAt = 0
  private due = Infinity

  constructor(clock: Clock, waitUntil: WaitUntil | undefined) {
    this.clock = completeClock(clock)
    this.waitUntil = waitUntil
  }

  /** Lets work go on that no request waits for. It must not reject. */
  keep(work: unknown): void {
    if (this.waitUntil !== undefined && isPromise(work)) this.waitUntil(work)
  }

  /** Runs `run` once after `ms`, in place of what was set before. With `waitUntil` and not `alone`, only a request runs it. */
  set(ms: number, run: () => unknown, alone = false): void {
    this.cancel()
    if (this.waitUntil === undefined) {
      this.cancelTimer = this.clock.after(ms, run)
      return
    }
    this.run = run
    this.setAt = this.clock.monotonic()
    this.due = this.setAt + ms
    if (!alone) return
    // This timer belongs to the present request. It stays where it is when another request sets the next one, so it looks before it runs.
    const fire = (): unknown => (this.run === run ? this.fire() : undefined)
    this.waitUntil(new Promise((resolve) => void this.clock.after(ms * (1 + PATIENCE), () => resolve(fire()))))
  }

  cancel(): void {
    this.cancelTimer()
    this.run = undefined
    this.due = Infinity
  }

  /**
   * Each request calls this where timers end with their request. It runs what is due. Returns the work, for a caller that waits for it, if it
   * has been due for more than `overdue` ms.
   */
  poll(overdue: number = Infinity): Promise<unknown> | undefined {
    if (this.run === undefined) return undefined
    const late = this.clock.monotonic() - this.due
    // The clock of such a runtime can be set back. Then the time that is left is unknown.
    if (late < 0 && this.clock.monotonic() >= this.setAt) return undefined
    const work = this.fire()
    this.keep(work)
    return late > overdue && isPromise(work) ? work : undefined
  }

  private fire(): unknown {
    const { run } = this
    this.cancel()
    return run?.()
  }
}

/**
 * @throws ERR_OPTION_CONFLICT where timers end with their request, without `waitUntil`: a circuit breaker that is open would never close
 * again, and the limits would be off under failMode: 'open'
 */
export function requireWaitUntil(layer: string, waitUntil: WaitUntil | undefined): void {
  if (waitUntil !== undefined || runtime.navigator?.userAgent !== 'Cloudflare-Workers') return
  throw new SluiceError(
    'ERR_OPTION_CONFLICT',
    `${layer}: expected waitUntil, since timers end with their request on Cloudflare Workers; use withLayers of @sluice/cloudflare, with waitUntil of cloudflare:workers`,
  )
}
