import type { ObserverHub } from '../observers.ts'
import { isPromise, type MaybePromise } from '../runtime.ts'
import type { RequestConfig } from './pipeline-config.ts'
import { isTrue } from './request-values.ts'
import { hasDecided } from './response-headers.ts'

/** Whether a request is not limited: this limiter has decided it, it is a preflight of CORS, or the option `skip` says so. */
export function isSkipped<C, R>(config: RequestConfig<C, R>, context: C): MaybePromise<boolean> {
  const { host, skip, observers } = config
  if (hasDecided(config, context)) return true
  if (host.method(context) === 'OPTIONS' && host.header(context, 'access-control-request-method')) return true
  if (skip === undefined) return false
  const skipped = skip(context)
  return isPromise(skipped) ? isTrueLater(skipped, observers) : skipped !== false && isTrue(skipped, 'skip', observers)
}

/** Apart, since V8 allocates the variables of closures at every call of the function that contains them. */
function isTrueLater(skipped: Promise<boolean>, observers: ObserverHub): Promise<boolean> {
  return skipped.then((value) => isTrue(value, 'skip', observers))
}
