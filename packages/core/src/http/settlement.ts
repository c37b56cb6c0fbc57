import { algorithmOf } from '../algorithms/registry.ts'
import { systemClock } from '../clock.ts'
import type { Decision } from '../decision.ts'
import type { Limiter } from '../limiter.ts'
import type { ObserverHub } from '../observers.ts'
import { chain, isPromise, type MaybePromise } from '../runtime.ts'
import type { RateLimitOptions } from './options.ts'
import { isTrue, validCost } from './request-values.ts'

/**
 * Called when the body of the response has ended, or when the client has left; only the first call counts. `status` is `undefined`
 * when the client did not receive the whole response.
 */
export type Done<R> = (status: number | undefined, response?: R) => MaybePromise<void>

/** What a settlement needs of a pipeline. */
export interface Settling<C, R> {
  readonly limiter: Limiter
  readonly options: RateLimitOptions<C, R>
  /** The names of all limits, for costs by limit; empty when they are not known. */
  readonly names: ReadonlySet<string>
  readonly observers: ObserverHub
}

/**
 * Returns the work to do after the response of an admitted request: refund, settle, or release concurrency. `undefined`: nothing.
 * @param renews false where `done` may never be called: then concurrency ends with its ttl
 */
export function settlementOf<C, R>(settling: Settling<C, R>, decision: Decision, context: C, renews: boolean): Done<R> | undefined {
  if (decision.verdict !== 'allowed') return undefined
  const { limiter, options, names, observers } = settling
  const holds = decision.charges.some(({ limit }) => algorithmOf(limit).holds)
  const { refundWhen, settle } = options
  if (!holds && refundWhen === undefined && settle === undefined) return undefined
  const stopRenewing = holds && renews ? renewWhileHeld(limiter, decision, observers) : undefined

  const release = () => (holds ? limiter.release(decision) : undefined)
  const refundOrSettle = (status: number | undefined, response: R | undefined): MaybePromise<void> => {
    // Without a response, neither option can judge the request: the charge stands.
    if (response === undefined) return release()
    return chain(status === undefined ? false : (refundWhen?.(context, { decision, status, response }) ?? false), (refunds) => {
      if (isTrue(refunds, 'refundWhen', observers)) return limiter.refund(decision)
      if (settle === undefined) return release()
      return chain(settle(context, { decision, status, response }), (value) => {
        const cost = validCost(value, names, 'settle', observers)
        return cost === undefined ? release() : limiter.settle(decision, cost)
      })
    })
  }

  let isDone = false
  return (status, response) => {
    if (isDone) return
    isDone = true
    stopRenewing?.()
    // The response was sent, so only observers can report the error. The concurrency must be released in spite of it.
    const failed = (error: unknown): MaybePromise<void> => {
      observers.warn('WARN_SETTLE_FAILED', `the charge of a request could not be settled after its response: ${String(error)}`)
      return quietly(release)
    }
    try {
      const result = refundOrSettle(status, response)
      return isPromise(result) ? result.catch(failed) : result
    } catch (error) {
      return failed(error)
    }
  }
}

/** Renews the concurrency of a request every third of its ttl, until it is lost or the returned function is called. */
function renewWhileHeld(limiter: Limiter, decision: Decision, observers: ObserverHub): () => void {
  const ttls = decision.charges.filter(({ limit }) => algorithmOf(limit).holds).map(({ limit }) => limit.window as number)
  const period = Math.max(1, Math.min(...ttls) / 3)
  const failed = (error: unknown) =>
    observers.warn('WARN_SETTLE_FAILED', `the concurrency of a request could not be renewed: ${String(error)}`)
  const stopIfLost = (isHeld: boolean | undefined) => {
    // A limiter of the application may return nothing.
    if (isHeld !== false || isStopped) return
    isStopped = true
    cancel()
    observers.warn(
      'WARN_HOLDER_LOST',
      'a request runs on without its concurrency, which expired or was reset, so more requests run than the limit allows; raise ttl above the pauses of the process',
    )
  }
  let isStopped = false
  const renew = () => {
    cancel = systemClock.after(period, renew)
    try {
      const renewed = chain(limiter.renew(decision), stopIfLost)
      if (isPromise(renewed)) renewed.catch(failed)
    } catch (error) {
      failed(error)
    }
  }
  let cancel = systemClock.after(period, renew)
  return () => {
    isStopped = true
    cancel()
  }
}

function quietly(run: () => MaybePromise<void>): MaybePromise<void> {
  try {
    const result = run()
    return isPromise(result) ? result.catch(() => undefined) : result
  } catch {
    return undefined
  }
}
