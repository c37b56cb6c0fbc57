import type { BlockRecord, BlockTarget, StrikeEvidence } from '@sluice/blocklist'
import { plain } from '../terminal/terminal.ts'

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const

/** How long, in two units: `3h 5m`. */
export function spanOf(ms: number): string {
  let seconds = Math.max(0, Math.round(ms / 1000))
  const parts: string[] = []
  for (const [unit, length] of UNITS) {
    const count = Math.floor(seconds / length)
    seconds %= length
    // The second unit follows the first, or is left out.
    if (parts.length === 1 || count > 0) parts.push(count > 0 ? `${count}${unit}` : '')
    if (parts.length === 2) break
  }
  return parts.filter((part) => part !== '').join(' ') || '0s'
}

/** `2026-11-30 14:05:09`, in UTC. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
}

/** A target as people write it: a single address without its prefix. */
export function targetText({ kind, name }: BlockTarget): string {
  return plain(kind === 'address' ? name.replace(/(?<=\.\d+)\/32$|(?<=:[\da-f]*)\/128$/, '') : name)
}

/** What an entry does, after a verb. */
export function effectText({ effect }: Pick<BlockRecord, 'effect'>): string {
  return { refuse: 'blocked', drop: 'blocked: its connections are closed', shadow: 'only reported', allow: 'allowed' }[effect]
}

/** By whom or what an entry was made. */
export function originText({ rule, level, reason }: BlockRecord): string {
  const why = reason === '' ? '' : `: ${plain(reason)}`
  return rule === 'manual' ? `by hand${why}` : `by the rule ${plain(rule)}, level ${level}${why}`
}

/** What was counted of a target, in lines. */
export function evidenceLines({ since, strikes, refused, requests, endpoints, limits }: StrikeEvidence): readonly string[] {
  return [
    `from ${timeText(since)}: ${strikes} strikes, ${refused} of ${requests} requests refused, ${endpoints} endpoints`,
    ...(limits.length === 0 ? [] : [`by ${limits.map(plain).join(', ')}`]),
  ]
}
