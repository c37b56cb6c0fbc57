import type { PolicyDescription, StateDescription, SubjectDescription } from '@sluice/redis'
import { spanOf } from '../blocks/block-text.ts'
import { type Paint, plain, table, wrapped } from '../terminal/terminal.ts'

const WIDTH = 16
const NOTES = {
  all: '',
  part: 'Not all keys were searched, so other policies may have states too: --search searches more.',
  none: 'Keys were not searched, so other policies may have states too.',
} as const

/** A subject as a person reads it: at most 80 columns. */
export function subjectView({ subject, at, policies, searched, isPacked }: SubjectDescription, paint: Paint): string {
  const held = policies.filter(({ keys }) => keys.length > 0)
  const lines = [paint('bold', plain(subject))]
  if (held.length === 0) lines.push('nothing is counted, and nothing is held')
  for (const policy of held) lines.push('', ...linesOf(policy, at, paint))
  const isNameless = held.some(({ states }) => states.some(({ id, limit }) => limit === undefined && id !== undefined))
  const notes = [
    isNameless ? 'A limit without a name is known by its id only, and the count of a bucket is then not known: add --policies.' : '',
    NOTES[searched],
    isPacked ? 'Packed windows are shown only for limits of --policies.' : '',
  ].filter((note) => note !== '')
  return [...lines, ...(notes.length === 0 ? [] : ['', ...notes.map((note) => paint('dim', wrapped(note, 80, '')))])].join('\n')
}

function linesOf({ policy, isEnded, blockedUntil, states }: PolicyDescription, at: number, paint: Paint): readonly string[] {
  const shadow = policy.startsWith('~') ? ' (in shadow)' : ''
  const title = `${plain(policy.replace(/^~/, ''))}${shadow}${isEnded ? ' (ended by resetAll: counts no more)' : ''}`
  const blocked = blockedUntil === undefined ? [] : [paint('red', `  blocked for ${spanOf(blockedUntil - at)} more`)]
  const rows = states.map((state) => rowOf(state, at))
  if (rows.length === 0) return [paint('bold', title), ...blocked]
  const [head = '', ...body] = table(['  limit', 'used', 'of', 'left', '', 'full again'], rows).split('\n')
  const coloured = body.map((line, i) => (states[i]?.remaining === 0 ? paint('red', line) : line))
  return [paint('bold', title), ...blocked, paint('dim', head), ...coloured, ...states.flatMap((state) => detailsOf(state, at))]
}

function rowOf(state: StateDescription, at: number): readonly string[] {
  const { limit, tiers, id, used, most, remaining, varies, fullAt, until } = state
  const name = limit === undefined ? `#${(id ?? 0).toString(16).padStart(8, '0')}` : plain(limit)
  const end = fullAt ?? (most === undefined ? until : undefined)
  return [
    `  ${cut(`${name}${tiers.length === 0 ? '' : ` (${tiers.map(plain).join(', ')})`}`, 26)}`,
    number(used),
    most === undefined ? '?' : `${number(most)}${varies ? '*' : ''}`,
    remaining === undefined ? '?' : number(remaining),
    most === undefined ? '' : barOf(used, most),
    end === undefined ? 'now' : `${fullAt === undefined ? 'by' : 'in'} ${spanOf(end - at)}`,
  ]
}

function detailsOf({ limit = '', leased, holders, used }: StateDescription, at: number): readonly string[] {
  const shown = holders.slice(0, 10)
  const more = used - shown.length
  return [
    ...(leased > 0 ? [`  ${plain(limit)}: at most ${number(leased)} leased to processes`] : []),
    ...shown.map(({ id, until }) => `  ${plain(limit)}: held by ${plain(id)} for at most ${spanOf(until - at)}`),
    ...(shown.length > 0 && more > 0 ? [`  ${plain(limit)}: and ${number(more)} more`] : []),
  ]
}

function barOf(used: number, most: number): string {
  const filled = most <= 0 ? WIDTH : Math.min(WIDTH, Math.round((WIDTH * used) / most))
  return `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}]`
}

function number(value: number): string {
  return value.toLocaleString('en')
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text
}
