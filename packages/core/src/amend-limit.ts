import { algorithmOf } from './algorithms/registry.ts'
import { checkName, defineLimit, labelOf, type LimitFields, shortWindowOf, windowOf } from './define-limit.ts'
import type { Duration } from './duration.ts'
import { knownOptions } from './known-options.ts'
import type { Limit, LimitRule } from './limit.ts'

/** What `amendLimit` changes. Algorithm, burst and key stay. */
export interface LimitChanges<N extends string = string> {
  /** Default: the name stays. */
  readonly name?: N | undefined
  /** Units per window: a whole number, 0 or more; 0 refuses every request. Default: stays. */
  readonly limit?: number | undefined
  /** Length of the window: 1 ms to 366 days. Default: stays. */
  readonly window?: Duration | undefined
  /** Gives the limit its own state under this name, spelled like the name of a limit. Default: it shares the state of the original. */
  readonly scope?: string | undefined
}

/**
 * Returns a copy of a limit with other numbers, or with its own state. Checked like a new limit.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_NAME_INVALID, ERR_LIMIT_INEXACT
 * @example
 * ```ts
 * import { amendLimit, slidingWindow } from '@sluice/core'
 *
 * const minute = slidingWindow({ name: 'minute', limit: 100, window: '1m' })
 * // Uploads have a smaller limit, counted apart from all other requests.
 * const uploads = amendLimit(minute, { limit: 10, scope: 'uploads' })
 * ```
 */
export function amendLimit<N extends string, C>(rule: LimitRule<string, C>, changes: LimitChanges<N>): LimitRule<N, C> {
  const { name, limit, window, timeZone, anchor, ...data } = rule.limit
  knownOptions(labelOf({ name }), changes, ['name', 'limit', 'window', 'scope'])
  const scope = changes.scope ?? rule.scope
  if (scope !== undefined) checkName(scope, `${labelOf({ name })}: scope`)
  const length = changes.window === undefined ? { window, timeZone, anchor } : replacedWindow(rule.limit, changes.window)
  const fields = { name: (changes.name ?? name) as N, limit: changes.limit ?? limit, key: rule.key }
  const given = changes.window ?? (shortWindowOf(rule.limit) === undefined ? undefined : window)
  const amended = defineLimit({ ...fields, window: given } as LimitFields<N, C>, { ...data, ...length })
  return scope === undefined ? amended : Object.freeze({ ...amended, scope })
}

/** A time zone, and an anchor with a date or a time, belong to the calendar window that is replaced. */
function replacedWindow({ name, anchor }: Limit, window: Duration): Pick<Limit, 'window' | 'anchor'> {
  return { window: windowOf({ name, window }), anchor: typeof anchor === 'object' ? undefined : anchor }
}

/** The limit with other numbers, checked like a new limit. */
export function withNumbers(limit: Limit, quantity: number, ms: number): Limit {
  const changed = Object.freeze({ ...limit, limit: quantity, window: ms })
  algorithmOf(changed).check(changed)
  return changed
}
