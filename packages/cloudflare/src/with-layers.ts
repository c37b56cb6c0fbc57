import type { Store } from '@sluice/core'
import { invalid, knownOptions, stack, type StackOptions, type WaitUntil } from '@sluice/core/store-kit'

/** The options of `withLayers`: those of `redisStore` for its layers, and `waitUntil`. */
export interface LayerOptions extends StackOptions {
  /** `waitUntil` of `cloudflare:workers`. It lets probes, leases and give-backs go on after the response of a request. */
  readonly waitUntil: WaitUntil
}

/** ms. A Worker can be far from an object, and a new object takes its time to start. */
const DEADLINE = 500

/**
 * A store that also decides while the objects fail or do not answer (`failover`, on), repeats recent refusals (`denyCache`, on) and spends
 * the units of hot subjects in the isolate (`leases`, off). The defaults are those of `redisStore`, except for `failover.deadline`: 500 ms.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { durableObjectStore, type ObjectNamespace, withLayers } from '@sluice/cloudflare'
 * import { createLimiter, slidingWindow } from '@sluice/core'
 * import { waitUntil } from 'cloudflare:workers'
 *
 * export { RateLimitObject } from '@sluice/cloudflare'
 *
 * const limits = [slidingWindow({ name: 'minute', limit: 100, window: '1m' })]
 * let limiter: ReturnType<typeof createLimiter> | undefined
 *
 * export default {
 *   async fetch(request: Request, env: { readonly RATE_LIMITS: ObjectNamespace }): Promise<Response> {
 *     limiter ??= createLimiter({
 *       limits,
 *       store: withLayers(durableObjectStore(env.RATE_LIMITS), { waitUntil, failover: { instances: 20 }, leases: true }),
 *     })
 *     const { allowed } = await limiter.consume(request.headers.get('cf-connecting-ip') ?? 'unknown')
 *     return new Response(allowed ? 'ok' : 'Too many requests', { status: allowed ? 200 : 429 })
 *   },
 * }
 * ```
 */
export function withLayers(store: Store, options: LayerOptions): Store {
  knownOptions('withLayers', options, ['waitUntil', 'failover', 'denyCache', 'leases'])
  const { waitUntil, failover, denyCache, leases } = options
  if (typeof waitUntil !== 'function') throw invalid('withLayers: waitUntil', "the function waitUntil of 'cloudflare:workers'", waitUntil)
  const failoverOptions = failover === false ? failover : { deadline: DEADLINE, ...failover }
  return stack(store, { failover: failoverOptions, denyCache, leases }, { waitUntil })
}
