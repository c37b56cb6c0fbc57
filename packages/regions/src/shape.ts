import type { Limit } from '@sluice/core'
import { type CalendarSpan, calendarSpan, rateOf } from '@sluice/core/algorithms'
import { stateNameOf } from '@sluice/core/store-kit'

/** The numbers of a limit, as far as regions exchange them. A record carries them, so that any process can apply it. */
export interface Shape {
  /** Names the state: `<limit>.<algorithm>.<variant>`. */
  readonly text: string
  readonly kind: 'fixed' | 'sliding' | 'bucket'
  /** Windows: the limit. Buckets: the tokens per P. */
  readonly N: number
  /** Windows: the length in ms. Buckets: µs in which N tokens come back. */
  readonly P: number
  /** Buckets: the most tokens at once. Windows: 0. */
  readonly burst: number
  /** Fixed windows, if it is known: where a window starts, ms. */
  readonly start?: number
}

const KINDS: Readonly<Record<string, Shape['kind']>> = {
  fixedWindow: 'fixed',
  slidingWindow: 'sliding',
  tokenBucket: 'bucket',
  leakyBucket: 'bucket',
}
const ALGORITHM = /\.(fixedWindow|slidingWindow|tokenBucket|leakyBucket)\.[^]*$/

/**
 * Whether regions can exchange what a limit counts. A log must be exact and a holder's end is no count. A window that begins with the first
 * charge begins at another time in each region, and a queue promises times.
 */
export function isExchangeable({ algorithm, anchor, movable, queue }: Limit): boolean {
  return KINDS[algorithm] !== undefined && anchor !== 'first' && movable !== true && queue !== true
}

/** The shape of a limit at a time (ms), on which the length of a calendar window depends. */
export function shapeOf(target: { readonly scope: string; readonly limit: Limit }, now: number): Shape {
  const { limit } = target
  const text = stateNameOf(target)
  const kind = KINDS[limit.algorithm] as Shape['kind']
  if (kind === 'bucket') {
    const { N, P, burst } = rateOf(limit)
    return { text, kind, N, P, burst }
  }
  const { start, end } = spanOf(limit, Math.floor(now))
  return { text, kind, N: limit.limit, P: end - start, burst: 0, start }
}

function spanOf(limit: Limit, now: number): CalendarSpan {
  if (typeof limit.window !== 'number') return calendarSpan(limit, now)
  const start = now - (now % limit.window)
  return { start, end: start + limit.window }
}

/** The kind of the state with this name; `undefined` if regions do not exchange it. */
export function kindOf(text: string): Shape['kind'] | undefined {
  return KINDS[ALGORITHM.exec(text)?.[1] ?? '']
}

/** Windows: the µs until which the window that starts at this ms counts, which is the first number of its state. */
export function untilOf({ kind, P }: Shape, start: number): number {
  return (start + (kind === 'sliding' ? 2 * P : P)) * 1000
}

/** Windows: the ms at which the window starts that counts until this µs. */
export function startOf({ kind, P }: Shape, until: number): number {
  return until / 1000 - (kind === 'sliding' ? 2 * P : P)
}
