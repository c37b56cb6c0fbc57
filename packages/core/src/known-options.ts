import { quoted, show, SluiceError } from './errors.ts'
import { FOREIGN_OPTIONS } from './foreign-options.ts'

/**
 * Refuses a value that is not an options object, and an option that is not known. The message proposes the option that was meant.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 */
export function knownOptions(
  what: string,
  options: unknown,
  known: readonly string[],
  foreign: Readonly<Record<string, string>> = FOREIGN_OPTIONS,
): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new SluiceError('ERR_OPTION_INVALID', `${what}: expected an options object, got ${show(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const proposal = intended(name, known, foreign)
    throw new SluiceError(
      'ERR_OPTION_UNKNOWN',
      `${what}: ${quoted(name)} is not an option; ${proposal === undefined ? `expected one of ${known.join(', ')}` : `use ${proposal}`}`,
    )
  }
}

/** The known option for another library's name, or else the first with a similar spelling. */
function intended(name: string, known: readonly string[], foreign: Readonly<Record<string, string>>): string | undefined {
  const ours = Object.hasOwn(foreign, name) ? foreign[name] : undefined
  if (ours !== undefined && known.some((option) => ours.split(/\W+/).includes(option))) return ours
  return similar(name, known)
}

/** The first known name with a similar spelling. */
export function similar(name: string, known: readonly string[]): string | undefined {
  // Two edits change most of a short word: `ban` is two edits from `on`, but no misspelling of it.
  const maxEdits = Math.min(2, Math.floor(name.length / 3))
  return known.find((candidate) => distance(candidate.toLowerCase(), name.toLowerCase()) <= maxEdits)
}

/** The Levenshtein distance: how many letters must be inserted, deleted or replaced. */
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
