import type { PolicyDescription, StateDescription, SubjectDescription } from './description.ts'

const MAX_NAME = 22
const HEAD = ['limit', 'algorithm', 'used', 'full again', 'window ends'] as const
const SEARCHED = {
  all: '',
  part: 'Not all keys were searched: other policies may have states too.',
  none: 'Keys were not searched: other policies may have states too.',
} as const

/**
 * Writes a description as text, with lines of about 80 characters.
 * @example
 * ```ts
 * import { describeSubject, formatSubject } from '@sluice/redis'
 *
 * console.log(formatSubject(await describeSubject({ url: 'redis://localhost:6379' }, { subject: 'user:42' })))
 * ```
 */
export function formatSubject({ subject, at, policies, searched, isPacked }: SubjectDescription): string {
  const lines = [`${printable(subject)} at ${new Date(at).toISOString()}`]
  for (const policy of policies) lines.push('', ...linesOf(policy, at))
  if (policies.length === 0) lines.push('', 'nothing')
  const notes = [SEARCHED[searched], isPacked ? 'Packed windows are shown only for limits that were given.' : '']
  const written = notes.filter((note) => note !== '')
  return [...lines, ...(written.length > 0 ? ['', ...written] : []), ''].join('\n')
}

function linesOf({ policy, isEnded, blockedUntil, states, keys }: PolicyDescription, at: number): readonly string[] {
  const rows = states.map((state) => rowOf(state, at))
  const widths = HEAD.map((head, i) => Math.max(head.length, ...rows.map((row) => (row[i] as string).length)))
  const table = [HEAD, ...rows].map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] as number)).join('  ')}`.trimEnd())
  return [
    `${printable(policy)}${isEnded ? ' (ended by resetAll)' : ''}`,
    ...(blockedUntil === undefined ? [] : [`  blocked for ${time(blockedUntil - at)}`]),
    ...(rows.length === 0 ? [] : table),
    ...states.flatMap((state) => detailsOf(state, at)),
    ...keys.map(({ key, ttl }) => `  ${printable(key)} expires in ${time(ttl)}`),
  ]
}

function rowOf(
  { limit, tiers, algorithm, id, used, most, varies, fullAt, windowEnd, until }: StateDescription,
  at: number,
): readonly string[] {
  const name = limit === undefined ? `#${hex(id)}` : `${limit}${tiers.length === 0 ? '' : ` (${tiers.join(', ')})`}`
  const of = most === undefined ? '' : ` of ${most}${varies ? ' *' : ''}`
  return [
    cut(printable(name), MAX_NAME),
    algorithm ?? 'unknown',
    `${used}${of}`,
    fullAt === undefined ? (most === undefined ? '?' : 'now') : `in ${time(fullAt - at)}`,
    windowEnd !== undefined ? `in ${time(windowEnd - at)}` : most === undefined && until !== undefined ? `by ${time(until - at)}` : '-',
  ]
}

function detailsOf({ limit = '', leased, holders, used }: StateDescription, at: number): readonly string[] {
  const more = used - holders.length
  return [
    ...(leased > 0 ? [`  ${printable(limit)}: at most ${leased} leased out`] : []),
    ...holders.map(({ id, until }) => `  ${printable(limit)}: holder ${printable(id)} ends in ${time(until - at)}`),
    ...(holders.length > 0 && more > 0 ? [`  ${printable(limit)}: and ${more} more holders`] : []),
  ]
}

function hex(id: number | undefined): string {
  return (id ?? 0).toString(16).padStart(8, '0')
}

/** Without characters that a terminal obeys. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** A time in the largest unit of which there are at least two, rounded up. */
function time(ms = 0): string {
  const [unit, length] = UNITS.find(([, each]) => ms >= 2 * each) ?? ['ms', 1]
  return `${Math.ceil(ms / length)} ${unit}`
}
