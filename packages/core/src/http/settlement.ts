import { algorithmOf } from '../algorithms/registry.ts'
import { systemClock } from '../clock.ts'
import type { Decision } from '../decision.ts'
import type { Limiter } from '../limiter.ts'
import type { ObserverHub } from '../observers.ts'
import { chain, isPromise, type MaybePromise } from '../runtime.ts'
import type { RateLimitOptions } from './options.ts'
import { sensibleCost } from './values.ts'

/** Called once, when the response's body has ended or the client is gone; `status` is undefined when there was no response. */
export type Done<R> = (status: number | undefined, response?: R) => MaybePromise<void>

/** What a pipeline settles with. */
export interface Settling<C, R> {
  readonly limiter: Limiter
  readonly options: RateLimitOptions<C, R>
  readonly names: ReadonlySet<string>
  readonly observers: ObserverHub
}

/** What is left to do for an admitted request after its response: refund, settle, release. `undefined` when there is nothing. */
export function afterResponse<C, R>(
  { limiter, options, names, observers }: Settling<C, R>,
  decision: Decision,
  context: C,
  renews: boolean,
): Done<R> | undefined {
  if (decision.verdict !== 'allowed') return undefined
  const holds = decision.charges.some(({ limit }) => algorithmOf(limit).holds)
  const { refundWhen, settle } = options
  if (!holds && refundWhen === undefined && settle === undefined) return undefined
  const stop = holds && renews ? keepAlive(limiter, decision, observers) : undefined

  const settled = (status: number | undefined, response: R | undefined): MaybePromise<void> => {
    // Without a response there is nothing to judge by: the charge stands.
    if (response === undefined) return release()
    return chain(status === undefined ? false : (refundWhen?.(context, { decision, status, response }) ?? false), (refunded) => {
      if (refunded === true) return limiter.refund(decision)
      if (settle === undefined) return release()
      return chain(settle(context, { decision, status, response }), (actual) => {
        const cost = sensibleCost(actual, names, 'settle', observers)
        return cost === undefined ? release() : limiter.settle(decision, cost)
      })
    })
  }
  const release = () => (holds ? limiter.release(decision) : undefined)

  let done = false
  return (status, response) => {
    if (done) return
    done = true
    stop?.()
    // The response is out: an error can reach nobody but the observers, and a holder must not stay behind it.
    const failed = (error: unknown): MaybePromise<void> => {
      observers.warn('WARN_SETTLE_FAILED', `a charge could not be settled after the response: ${String(error)}`)
      return quietly(release)
    }
    try {
      const result = settled(status, response)
      return isPromise(result) ? result.catch(failed) : result
    } catch (error) {
      return failed(error)
    }
  }
}

/** Renews a request's holders at a third of their ttl for as long as its response streams. */
function keepAlive(limiter: Limiter, decision: Decision, observers: ObserverHub): () => void {
  const ttls = decision.charges.filter(({ limit }) => algorithmOf(limit).holds).map(({ limit }) => limit.window as number)
  const period = Math.max(1, Math.min(...ttls) / 3)
  const renew = () => {
    cancel = systemClock.after(period, renew)
    const failed = (error: unknown) => observers.warn('WARN_SETTLE_FAILED', `concurrency could not be renewed: ${String(error)}`)
    try {
      const renewed = limiter.renew(decision)
      if (isPromise(renewed)) renewed.catch(failed)
    } catch (error) {
      failed(error)
    }
  }
  let cancel = systemClock.after(period, renew)
  return () => cancel()
}

function quietly(run: () => MaybePromise<void>): MaybePromise<void> {
  try {
    const result = run()
    return isPromise(result) ? result.catch(() => undefined) : result
  } catch {
    return undefined
  }
}
