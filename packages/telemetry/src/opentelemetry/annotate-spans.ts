import { type Attributes, trace } from '@opentelemetry/api'
import { type Decision, observe } from '@sluice/core'

/**
 * Adds attributes `rate_limit.…` to the active span of each request that was refused, or that was decided without its store. Other spans stay
 * as they are. Returns a function that ends it.
 * @example
 * ```ts
 * import { annotateSpans } from '@sluice/telemetry/opentelemetry'
 *
 * const stop = annotateSpans()
 * process.once('SIGTERM', stop)
 * ```
 */
export function annotateSpans(): () => void {
  return observe({
    refusal(decision) {
      trace.getActiveSpan()?.setAttributes(attributesOf(decision))
    },
  })
}

/** No subject, no address and no path: traces are read by more people than requests are. */
function attributesOf({ policy, binding, tier, mode, verdict, source, remaining, retryAfter, revision }: Decision): Attributes {
  return {
    'rate_limit.namespace': policy,
    'rate_limit.verdict': verdict,
    'rate_limit.mode': mode,
    'rate_limit.source': source,
    ...(binding && { 'rate_limit.limit': binding.name }),
    ...(tier !== undefined && { 'rate_limit.tier': tier }),
    ...(remaining < Infinity && { 'rate_limit.remaining': remaining }),
    ...(retryAfter < Infinity && { 'rate_limit.retry_after_ms': retryAfter }),
    ...(revision !== undefined && { 'rate_limit.revision': revision }),
  }
}
