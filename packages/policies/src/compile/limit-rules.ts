import {
  type CalendarWindow,
  concurrency,
  type Duration,
  fixedWindow,
  leakyBucket,
  type LimitRule,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from '@sluice/core'
import type { LimitSpec, NumbersSpec } from '../document.ts'

/** The limit of core that a limit of a policy means. @throws ERR_OPTION_INVALID, ERR_LIMIT_INEXACT */
export function ruleOf(policy: string, spec: LimitSpec): LimitRule {
  const fields = { name: `${policy}.${spec.name}`, limit: spec.limit, visible: spec.visible }
  switch (spec.algorithm) {
    case 'slidingWindow':
      return slidingWindow({ ...fields, window: spec.window as Duration })
    case 'slidingLog':
      return slidingLog({ ...fields, window: spec.window as Duration })
    case 'fixedWindow':
      return fixedWindow({ ...fields, window: spec.window as Duration | CalendarWindow, timeZone: spec.timeZone })
    case 'tokenBucket':
      return tokenBucket({ ...fields, window: spec.window as Duration, burst: spec.burst, debt: spec.debt })
    case 'leakyBucket':
      return leakyBucket({
        ...fields,
        window: spec.window as Duration,
        burst: spec.burst,
        queue: spec.queue,
        maxDelay: spec.maxDelay as Duration | undefined,
      })
    case 'concurrency':
      return concurrency({ ...fields, ttl: spec.ttl as Duration, retryHint: spec.retryHint as Duration | undefined })
  }
}

/** A burst that the limit does not have is its quantity, so it grows with the quantity. */
export function withNumbers(spec: LimitSpec, { limit, burst }: NumbersSpec): LimitSpec {
  const numbers = { ...(limit === undefined ? {} : { limit }), ...(burst === undefined ? {} : { burst }) }
  return { ...spec, ...numbers }
}
