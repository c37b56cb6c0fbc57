import {
  type CalendarAnchor,
  type CalendarWindow,
  concurrency,
  type DelayOptions,
  type Duration,
  fixedWindow,
  leakyBucket,
  type LimitRule,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from '@sluice/core'
import type { AnchorSpec, DelaySpec, LimitSpec, NumbersSpec } from '../document.ts'

/** The limit of core that a limit of a policy means. @throws ERR_OPTION_INVALID, ERR_LIMIT_INEXACT */
export function ruleOf(policy: string, spec: LimitSpec): LimitRule {
  const fields = { name: `${policy}.${spec.name}`, limit: spec.limit, label: spec.label, visible: spec.visible }
  switch (spec.algorithm) {
    case 'slidingWindow':
      return slidingWindow({ ...fields, window: spec.window as Duration, delay: delayOf(spec.delay) })
    case 'slidingLog':
      return slidingLog({ ...fields, window: spec.window as Duration, maxLog: spec.maxLog, delay: delayOf(spec.delay) })
    case 'fixedWindow':
      return fixedWindow({
        ...fields,
        window: spec.window as Duration | CalendarWindow,
        timeZone: spec.timeZone,
        anchor: anchorOf(spec.anchor),
        delay: delayOf(spec.delay),
      })
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

function delayOf(delay: DelaySpec | undefined): DelayOptions | undefined {
  return delay as DelayOptions | undefined
}

const WEEKDAYS = {
  mon: 'monday',
  tue: 'tuesday',
  wed: 'wednesday',
  thu: 'thursday',
  fri: 'friday',
  sat: 'saturday',
  sun: 'sunday',
} as const

function anchorOf(anchor: 'epoch' | 'first' | AnchorSpec | undefined): 'epoch' | 'first' | CalendarAnchor | undefined {
  return typeof anchor === 'object' ? { ...anchor, weekday: anchor.weekday && WEEKDAYS[anchor.weekday] } : anchor
}

/** A burst that the limit does not have is its quantity, so it grows with the quantity. */
export function withNumbers(spec: LimitSpec, { limit, burst }: NumbersSpec): LimitSpec {
  const numbers = { ...(limit === undefined ? {} : { limit }), ...(burst === undefined ? {} : { burst }) }
  return { ...spec, ...numbers }
}
