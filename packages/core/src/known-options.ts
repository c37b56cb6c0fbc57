import { quoted, show, SluiceError } from './errors.ts'
import { FOREIGN_OPTIONS } from './foreign-options.ts'

/**
 * Refuses an options object that is none, or that has an option nobody reads.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 */
export function knownOptions(what: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new SluiceError('ERR_OPTION_INVALID', `${what}: expected an options object, got ${show(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const ours = meant(name, known)
    throw new SluiceError(
      'ERR_OPTION_UNKNOWN',
      `${what}: ${quoted(name)} is not an option; ${ours === undefined ? `expected one of ${known.join(', ')}` : `use ${ours}`}`,
    )
  }
}

/** Ours for a peer's word, where it can be given here; else the option that is nearest in spelling. */
function meant(name: string, known: readonly string[]): string | undefined {
  const theirs = Object.hasOwn(FOREIGN_OPTIONS, name) ? FOREIGN_OPTIONS[name] : undefined
  if (theirs !== undefined && known.some((option) => theirs.split(/\W+/).includes(option))) return theirs
  // Of a short word two letters are most of it: `ban` is not meant for `on`.
  const most = Math.min(2, Math.floor(name.length / 3))
  return known.find((candidate) => distance(candidate.toLowerCase(), name.toLowerCase()) <= most)
}

/** Edits (insert, delete, replace) between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
