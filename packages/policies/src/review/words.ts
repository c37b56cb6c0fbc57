import type { ActiveSpec, CostSpec, LimitSpec, Match, OverrideSpec, SubjectSpec, Values } from '../document.ts'
import { windowOf } from './counters.ts'

// The parts of a document in words, for reports.

/** Which requests a rule is for: `POST /login, /token/*`. */
export function matchInWords(match: Match | undefined): string {
  if (match === undefined) return 'every request'
  const { hosts, methods, paths, caseSensitive, routes, tiers, headers, attributes, addresses } = match
  const named = (what: string, values: Readonly<Record<string, Values>> | undefined): readonly string[] =>
    Object.entries(values ?? {}).map(([name, value]) => `${what} ${name} = ${[value].flat().join(' or ')}`)
  const target = [methods?.join(' or '), paths?.join(', ')].filter((part) => part !== undefined).join(' ')
  const all = [
    target,
    ...listed('route', routes),
    ...listed('host', hosts),
    ...listed('tier', tiers),
    ...named('header', headers),
    ...named('attribute', attributes),
    ...listed('address', addresses),
    caseSensitive === true ? 'with case' : '',
  ]
  return all.filter((part) => part !== '').join(', ') || 'every request'
}

function listed(what: string, values: readonly string[] | undefined): readonly string[] {
  return values === undefined ? [] : [`${what} ${values.join(' or ')}`]
}

/** The numbers of a limit: `100 per 1m, burst 20`. */
export function numbersInWords(limit: LimitSpec): string {
  const what = limit.algorithm === 'concurrency' ? `${limit.limit} at once` : `${limit.limit} per ${windowOf(limit)}`
  const burst = 'burst' in limit && limit.burst !== undefined ? `, burst ${limit.burst}` : ''
  return `${what}${burst}`
}

/** A new limit: `100 per 1m for each client (slidingWindow)`. */
export function limitInWords(limit: LimitSpec): string {
  return `${numbersInWords(limit)} for each ${limit.subject} (${limit.algorithm})`
}

/** What else a limit has, by name, for comparing. */
export function detailsOf(limit: LimitSpec): Readonly<Record<string, string>> {
  const { algorithm: _a, name: _n, limit: _l, subject: _s, ...others } = limit
  const { window: _w, burst: _b, timeZone: _t, anchor: _c, ...rest } = others as Readonly<Record<string, unknown>>
  return Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name, name === 'cost' ? costInWords(value as CostSpec) : shown(value)]),
  )
}

function costInWords(cost: CostSpec): string {
  if (typeof cost === 'number') return String(cost)
  const { default: standard, max, ...source } = cost
  return `${Object.entries(source).flat().join(' ')}, else ${standard}, at most ${max}`
}

/** Where a subject is read: `attribute client, else address`. */
export function subjectInWords({ parts, missing = 'address', trusted }: SubjectSpec): string {
  const read = parts.map((part) =>
    Object.entries(part)
      .map(([kind, value]) => (value === true ? kind : `${kind} ${String(value)}`))
      .join(' '),
  )
  return `${read.join(' + ')}; missing: ${missing}${trusted === true ? '; trusted' : ''}`
}

/** Whom an override is for: `client = acme`. */
export function whomInWords({ subject, is, startsWith, percent }: OverrideSpec): string {
  if (is !== undefined) return `${subject} = ${is}`
  return startsWith === undefined ? `${percent ?? 0} % of ${subject}` : `${subject} = ${startsWith}…`
}

/** What an override gives: `minute 5000, until 2027-01-01T00:00:00Z`. */
export function overrideInWords({ limits, tier, exempt, until }: OverrideSpec): string {
  const numbers = Object.entries(limits ?? {}).map(([name, { limit, burst }]) => {
    const parts = [limit === undefined ? '' : String(limit), burst === undefined ? '' : `burst ${burst}`]
    return `${name} ${parts.filter((part) => part !== '').join(', ')}`
  })
  const what = exempt === true ? 'no limit' : tier === undefined ? numbers.join(', ') : `tier ${tier}`
  return until === undefined ? what : `${what}, until ${until}`
}

export function activeInWords(active: ActiveSpec | undefined): string {
  if (active === undefined) return 'always'
  const { from, until, weekly = [] } = active
  const ranges = weekly.map(({ days, from: start, to, timeZone = 'UTC' }) => `${days.join(' ')} ${start}–${to} ${timeZone}`)
  const parts = [from === undefined ? '' : `from ${from}`, until === undefined ? '' : `until ${until}`, ...ranges]
  return parts.filter((part) => part !== '').join(', ')
}

/** Any value of a document on one line. */
export function shown(value: unknown): string {
  if (value === undefined) return 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
