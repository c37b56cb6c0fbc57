import { algorithmOf } from './algorithms/registry.ts'
import { checkName, defineLimit, where, window } from './define-limit.ts'
import type { Duration } from './duration.ts'
import { knownOptions } from './known-options.ts'
import type { Limit, LimitRule } from './limit.ts'

/** What may differ in a limit that is made from another: the algorithm, the burst and the key stay. */
export interface LimitChanges<N extends string = string> {
  readonly name?: N | undefined
  readonly limit?: number | undefined
  readonly window?: Duration | undefined
  /** A state of its own under this name; spelled as names are. */
  readonly scope?: string | undefined
}

/**
 * The rule with other numbers, or with a state of its own; checked like a defined one.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_NAME_INVALID, ERR_LIMIT_INEXACT
 */
export function amendLimit<N extends string, C>(given: LimitRule<string, C>, changes: LimitChanges<N>): LimitRule<N, C> {
  const { name, limit, window: old, timeZone, ...data } = given.limit
  knownOptions(where({ name }), changes, ['name', 'limit', 'window', 'scope'])
  const scope = changes.scope ?? given.scope
  if (scope !== undefined) checkName(scope, `${where({ name })}: scope`)
  // A zone is for a calendar's window.
  const length = changes.window === undefined ? { window: old, timeZone } : { window: window({ name, window: changes.window }) }
  const made = defineLimit({ name: (changes.name ?? name) as N, limit: changes.limit ?? limit, key: given.key }, { ...data, ...length })
  return scope === undefined ? made : Object.freeze({ ...made, scope })
}

/** The limit with other numbers, checked like a defined one, except that a quantity of 0 (refuse all) is allowed. */
export function withNumbers(limit: Limit, quantity: number, ms: number): Limit {
  const changed = Object.freeze({ ...limit, limit: quantity, window: ms })
  algorithmOf(changed).check(changed)
  return changed
}
