import { checkName, labelOf } from './define-limit.ts'
import type { Duration } from './duration.ts'
import { knownOptions } from './known-options.ts'
import type { LimitRule, PerRequest } from './limit.ts'
import { type FactoryOptions, optionsOf, ruleOf, withChanges } from './numbers/amended.ts'

/** What `amendLimit` changes. Algorithm, burst and key stay. */
export interface LimitChanges<N extends string = string, C = any> {
  /** Default: the name stays. */
  readonly name?: N | undefined
  /** The text that clients see in place of the name: 1 to 64 characters of printable ASCII. Default: the label stays. */
  readonly label?: string | undefined
  /** Units per window: a whole number, 0 or more, or a function of the request; 0 refuses every request. Default: stays. */
  readonly limit?: PerRequest<C, number> | undefined
  /** Length of the window: 1 ms to 366 days, or a function of the request. For `concurrency`, the ttl. Default: stays. */
  readonly window?: PerRequest<C, Duration> | undefined
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
export function amendLimit<N extends string, C>(rule: LimitRule<string, C>, changes: LimitChanges<N, C>): LimitRule<N, C> {
  const { limit, key, numbers } = rule
  const label = labelOf(limit)
  knownOptions(label, changes, ['name', 'label', 'limit', 'window', 'scope'])
  const scope = changes.scope ?? rule.scope
  if (scope !== undefined) checkName(scope, `${label}: scope`)
  const options: FactoryOptions = { ...optionsOf(limit), key, ...numbers?.functions }
  const length = 'ttl' in options ? 'ttl' : 'window'
  const amended = withChanges(options, {
    name: changes.name,
    label: changes.label,
    limit: changes.limit,
    [length]: changes.window,
  })
  const made = ruleOf(limit.algorithm, { ...amended, defaults: defaultsOf(rule, amended) })
  return (scope === undefined ? made : Object.freeze({ ...made, scope })) as LimitRule<N, C>
}

/** The numbers that the functions of an amended limit stand for: those of the limit before, as far as it had numbers. */
function defaultsOf({ limit, numbers }: LimitRule, amended: FactoryOptions): FactoryOptions | undefined {
  const options: FactoryOptions = { ...optionsOf(limit), ...numbers?.functions, ...numbers?.defaults }
  const isFunction = (name: string) => typeof amended[name] === 'function'
  const names = Object.keys(options).filter((name) => name !== 'key' && isFunction(name) && typeof options[name] !== 'function')
  return names.length === 0 ? undefined : Object.fromEntries(names.map((name) => [name, options[name]]))
}
