import { algorithmOf } from './algorithms/registry.ts'
import { type Duration, millisOf } from './duration.ts'
import { invalid, quoted, show } from './errors.ts'
import type { KeyOf } from './identity/part.ts'
import type { Limit, LimitRule } from './limit.ts'

/** What every factory takes. */
export interface LimitFields<N extends string, C> {
  /** A letter, then up to 63 letters, digits, `_`, `.` or `-`; unique in its policy, ignoring case. */
  readonly name: N
  /** A whole number of units, at least 1. */
  readonly limit: number
  readonly key?: KeyOf<C> | undefined
}

const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/

/** @throws ERR_NAME_INVALID: one bad name would spoil a whole header field for its parsers */
export function checkName(name: unknown, what: string): void {
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw invalid(what, 'a letter, then at most 63 letters, digits, _, . or -', name, 'ERR_NAME_INVALID')
  }
}

export function defineLimit<N extends string, C>(o: LimitFields<N, C>, data: Omit<Limit, 'name' | 'limit'>): LimitRule<N, C> {
  checkName(o.name, `${data.algorithm}: name`)
  if (!Number.isSafeInteger(o.limit) || o.limit < 1) throw invalid(`${where(o)}: limit`, 'a whole number, at least 1', o.limit)
  // Left out rather than `undefined`, so that two definitions compare, and clone, alike.
  const given = Object.fromEntries(Object.entries({ ...data, name: o.name, limit: o.limit }).filter(([, value]) => value !== undefined))
  const limit = Object.freeze(given) as unknown as Limit<N>
  algorithmOf(limit).check(limit)
  return Object.freeze(o.key === undefined ? { limit } : { limit, key: o.key })
}

export function where(o: { readonly name?: unknown }): string {
  return `limit ${typeof o.name === 'string' ? quoted(o.name) : show(o.name)}`
}

export function window(o: { readonly name?: unknown; readonly window: Duration }): number {
  return millisOf(o.window, `${where(o)}: window`)
}

export function whole<K extends string>(
  o: { readonly name?: unknown } & { readonly [P in K]?: number | undefined },
  key: K,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value: number | undefined = o[key]
  if (value === undefined) return undefined
  if (!Number.isSafeInteger(value) || value < least || value > most)
    throw invalid(`${where(o)}: ${key}`, `a whole number from ${least} to ${most}`, value)
  return value
}
