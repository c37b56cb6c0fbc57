import { SluiceError } from '@sluice/core'
import { quoted } from '@sluice/core/adapter-kit'

/** Every code that this package adds to those of `@sluice/core`. Each has a section of its name in docs/errors.md. */
export const POLICY_CODES = [
  // Thrown for a document that is not valid.
  'ERR_POLICY_INVALID',
  // Rejects the replay of a log with a line that cannot be read.
  'ERR_LOG_INVALID',
  // Rejects the start of a feed that has no document.
  'ERR_POLICY_UNAVAILABLE',
  // Thrown when a request comes, or a limiter is mounted, for which the documents say nothing.
  'ERR_POLICY_ROUTE',
  'ERR_POLICY_NAMESPACE',
  // Emitted to `on.warning` of a feed, once until it changes. What was in force stays in force.
  'WARN_POLICY_STALE',
  'WARN_POLICY_MISSING',
  'WARN_POLICY_SOURCE',
  'ANOMALY_POLICY_FORK',
  'WARN_POLICY_CEILING',
  // Emitted to `on.warning` of a feed or a directory of clients, once for each outage.
  'WARN_CLIENT_TABLE',
] as const

declare module '@sluice/core' {
  interface CodeRegistry {
    readonly policies: (typeof POLICY_CODES)[number]
  }
}

/** The steps from the document to a value in it. */
export type Path = readonly (string | number)[]

/** What is wrong with a document, and where. */
export interface Problem {
  /** The place as people write it: `policies[0].rules[1].limits`. Empty for the document as a whole. */
  readonly path: string
  /** What was expected, and what came. */
  readonly message: string
  /** From 1; `undefined` for a document that was not parsed from text. */
  readonly line: number | undefined
  /** From 1. */
  readonly column: number | undefined
}

/** What is wrong with a value at a path: a problem before its line is known. */
export interface Finding {
  readonly path: Path
  readonly message: string
}

/** The error of a document that is not valid. */
export class PolicyError extends SluiceError {
  /** What is wrong: at least one problem, in the order of the document. */
  readonly problems: readonly Problem[]

  /** `source` names the document in the message: the path of a file, or a URL. */
  constructor(source: string, problems: readonly Problem[]) {
    const shown = problems.slice(0, MAX_SHOWN).map((problem) => `  ${lineOf(problem)}`)
    if (problems.length > shown.length) shown.push(`  and ${problems.length - shown.length} more`)
    super('ERR_POLICY_INVALID', `${source} is no valid policy document, so it is not used:\n${shown.join('\n')}\n`)
    this.problems = problems
  }
}

const MAX_SHOWN = 10

/** A problem in one line: `line 12, column 7: policies[0].name: expected …`. */
function lineOf({ path, message, line, column }: Problem): string {
  const place = line === undefined ? '' : `line ${line}, column ${column ?? 1}: `
  return `${place}${path === '' ? '' : `${path}: `}${message}`
}

/** A path as people write it. */
export function pathText(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[\w-]{1,64}$/.test(step)) text += text === '' ? step : `.${step}`
    else text += `[${quoted(step)}]`
  }
  return text
}

/** A value of the document in a message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return quoted(value)
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`
  if (value === null || value === undefined) return 'nothing'
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'an object'
}
