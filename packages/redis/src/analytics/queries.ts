import type { Duration, Mode } from '@sluice/core'
import { invalid, knownOptions, millisOf } from '@sluice/core/store-kit'
import { hourOf, minuteOf, USAGE_PARTS, type UsagePart } from './keys.ts'
import { MINUTES_LIVE } from './usage-counts.ts'

/** Which counts are meant. */
interface BoardQuery {
  /** The namespace of a document, or the name of a limiter. Default: all. */
  readonly namespace?: string | undefined
  /** The policy of a document, or the name of a limiter. Default: all. */
  readonly policy?: string | undefined
  /** Refusals of limits that are enforced, or of limits in shadow. Default `'enforce'`. */
  readonly mode?: Mode | undefined
}

/** What `topViolators` lists. */
export interface ViolatorsQuery extends BoardQuery {
  /** How long ago, up to 31 days. Boards are by the hour: the hour in which that was counts whole. Default `'1h'`. */
  readonly since?: Duration | undefined
  /** How many subjects: 1 to 1,000. Default 10. */
  readonly limit?: number | undefined
}

/** What `violations` counts. */
export interface ViolationsQuery extends BoardQuery {
  /** How long ago, up to 31 days. The hour in which that was counts whole. Default `'24h'`. */
  readonly since?: Duration | undefined
}

/** A subject with many refusals. */
export interface Violator {
  /** The hash of the subject, or with `subjects: 'plain'` the subject. */
  readonly subject: string
  readonly namespace: string
  readonly policy: string
  readonly mode: string
  /** Refusals, also those of blocked subjects: about as many, see docs/analytics.md. */
  readonly violations: number
}

/** The refusals of a subject by one policy. */
export interface SubjectViolations extends Omit<Violator, 'subject'> {
  /** The refusals whose endpoint is known, the most first: the route, never a path. */
  readonly endpoints: readonly { readonly endpoint: string; readonly violations: number }[]
}

/** A part by which usage can be separated. */
export type UsageKey = 'namespace' | UsagePart

/** What `usage` sums. */
export interface UsageQuery extends BoardQuery {
  /**
   * Counts what this policy said. Default: each request once, whatever its policies said. With `policy` in `by`: both, the requests under the
   * policy ''.
   */
  readonly policy?: string | undefined
  /** A `Date`, or ms since the epoch. Default: an hour ago. */
  readonly from?: Date | number | undefined
  /** Not included. A `Date`, or ms since the epoch. Default: now, with the running minute. */
  readonly to?: Date | number | undefined
  /** Of one row: whole minutes. For times more than 3 hours ago, whole hours. Default: a minute where there are minutes, else an hour. */
  readonly step?: Duration | undefined
  /** What gets rows of its own: any of `namespace`, `tenant`, `policy`, `endpoint`, `region`, `tier`, `mode`, `verdict`. Default `['verdict']`. */
  readonly by?: readonly UsageKey[] | undefined
}

/** A sum of usage. It has the keys that `by` names. */
export interface UsageRow extends Readonly<Partial<Record<UsageKey, string>>> {
  /** The start of the step: ms since the epoch. */
  readonly at: number
  readonly requests: number
  /** Units that were granted, and for refusals the units that were asked for. */
  readonly units: number
}

/** A query after the checks: the starts of the hours. */
export interface Sought {
  readonly namespace?: string | undefined
  readonly policy?: string | undefined
  readonly hours: readonly number[]
  readonly limit: number
  readonly mode: string
}

/** Which rows are summed, and how. */
export interface UsageRange {
  /** '' for the requests; `undefined` for all. */
  readonly policy: string | undefined
  readonly mode: string
  readonly isByHour: boolean
  /** The starts of the minutes, or of the hours. */
  readonly starts: readonly number[]
  readonly step: number
  readonly by: readonly UsageKey[]
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const MAX_HOURS = 31 * 24
const MAX_LIMIT = 1_000
const MODES = ['enforce', 'shadow', 'off']
const KEYS: readonly UsageKey[] = ['namespace', ...USAGE_PARTS]

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function checkedBoards(where: 'topViolators' | 'violations', query: ViolatorsQuery, now: number): Sought {
  knownOptions(where, query, ['namespace', 'policy', 'mode', 'since', ...(where === 'topViolators' ? ['limit'] : [])])
  const { since = where === 'topViolators' ? '1h' : '24h', limit = 10 } = query
  const ms = millisOf(since, `${where}: since`)
  if (ms > MAX_HOURS * HOUR) throw invalid(`${where}: since`, 'a duration of at most 31 days', since)
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw invalid(`${where}: limit`, `a whole number, 1 to ${MAX_LIMIT}`, limit)
  return {
    namespace: query.namespace,
    policy: query.policy,
    ...names(where, query),
    limit,
    hours: startsOf(hourOf(now - ms), now + 1, HOUR),
  }
}

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function checkedUsage(query: UsageQuery, now: number): UsageRange {
  knownOptions('usage', query, ['namespace', 'policy', 'mode', 'from', 'to', 'step', 'by'])
  const { by = ['verdict'] } = query
  const from = timeOf('from', query.from ?? now - HOUR)
  const to = timeOf('to', query.to ?? now + 1)
  if (to <= from) throw invalid('usage: to', 'a time after from', new Date(to).toISOString())
  // By the hour, as the counts are: what began 31 days ago can be read until its hour is over.
  if (hourOf(to - 1) - hourOf(from) > MAX_HOURS * HOUR)
    throw invalid('usage: from', 'a time at most 31 days before to', new Date(from).toISOString())
  if (!Array.isArray(by) || !by.every((key) => KEYS.includes(key))) throw invalid('usage: by', `a list of ${KEYS.join(', ')}`, by)
  const policy = query.policy ?? (by.includes('policy') ? undefined : '')
  const hasMinutes = from >= now - MINUTES_LIVE
  const step = millisOf(query.step ?? (hasMinutes ? '1m' : '1h'), 'usage: step')
  const isByHour = step % HOUR === 0
  if (step % MINUTE !== 0) throw invalid('usage: step', "whole minutes, such as '1m'", query.step)
  if (!isByHour && !hasMinutes) throw invalid('usage: step', "whole hours, such as '1h', since from is more than 3 hours ago", query.step)
  const starts = isByHour ? startsOf(hourOf(from), to, HOUR) : startsOf(minuteOf(from), to, MINUTE)
  return { policy, mode: names('usage', query).mode, isByHour, starts, step, by }
}

/** @throws ERR_OPTION_INVALID */
function names(where: string, { namespace, policy, mode = 'enforce' }: BoardQuery): { readonly mode: string } {
  for (const [name, value] of Object.entries({ namespace, policy }))
    if (value !== undefined && typeof value !== 'string') throw invalid(`${where}: ${name}`, 'a text', value)
  if (!MODES.includes(mode)) throw invalid(`${where}: mode`, "'enforce', 'shadow' or 'off'", mode)
  return { mode }
}

/** @throws ERR_OPTION_INVALID */
function timeOf(name: string, time: Date | number): number {
  const ms = time instanceof Date ? time.getTime() : time
  if (typeof ms !== 'number' || !(ms >= 0 && ms <= 8.64e15))
    throw invalid(`usage: ${name}`, 'a Date, or milliseconds since the epoch', time)
  return ms
}

function startsOf(from: number, to: number, length: number): readonly number[] {
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / length)) }, (_, i) => from + i * length)
}
