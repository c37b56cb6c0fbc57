import type { BaseIssue } from 'valibot'
import { quoted } from '@sluice/core/adapter-kit'
import { type Finding, type Path, show } from './problems.ts'

type Issue = BaseIssue<unknown>

/** What a schema found, one finding for each place. */
export function findingsOf(issues: readonly Issue[]): readonly Finding[] {
  const found = new Map<string, Finding>()
  for (const issue of issues) {
    const finding = findingOf(issue, [])
    const key = JSON.stringify(finding.path)
    if (!found.has(key)) found.set(key, finding)
  }
  return [...found.values()]
}

function findingOf(issue: Issue, above: Path): Finding {
  const path = [...above, ...keysOf(issue)]
  if (issue.kind === 'schema' && issue.type === 'union') {
    const forms = issue.issues ?? []
    const closest = closestOf(forms)
    if (closest !== undefined) return findingOf(closest, path)
    const fields = [
      ...new Set(
        forms
          .filter(({ expected }) => expected !== 'never')
          .map((form) => keysOf(form)[0])
          .filter((key) => typeof key === 'string'),
      ),
    ]
    if (fields.length > 0 && isObject(issue.input)) return { path, message: `expected one of the fields ${fields.join(', ')}` }
  }
  if (issue.expected === 'never') {
    const last = path.at(-1)
    return { path, message: typeof last === 'string' ? `expected no field ${quoted(last)} here` : 'expected no value here' }
  }
  // A field that is missing is reported by the object around it, or by its own schema where the variant is not known.
  if (issue.received === 'undefined') return { path, message: 'is missing' }
  return { path, message: `expected ${expectedBy(issue)}, got ${show(issue.input)}` }
}

function keysOf({ path }: Issue): Path {
  return (path ?? []).map(({ key }) => key as string | number)
}

/** Where a value fits none of several forms: the fault of the form that it nearly fits. `undefined` if that is not one form. */
function closestOf(forms: readonly Issue[]): Issue | undefined {
  const inside = forms.filter((form) => form.received !== 'undefined' && form.expected !== 'never' && keysOf(form).length > 0)
  return inside.length === 1 ? inside[0] : undefined
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const WORDS: Readonly<Record<string, string>> = {
  Object: 'an object with fields',
  Array: 'a list',
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
}

function expectedBy(issue: Issue): string {
  const { type, requirement, expected } = issue
  switch (type) {
    case 'regex':
      return issue.message
    case 'integer':
      return 'a whole number'
    case 'finite':
      return 'a finite number'
    case 'min_value':
      return `${String(requirement)} or more`
    case 'max_value':
      return `${String(requirement)} or less`
    case 'min_length':
      return `at least ${String(requirement)} ${thingsOf(issue.input, requirement)}`
    case 'max_length':
      return `at most ${String(requirement)} ${thingsOf(issue.input, requirement)}`
    default: {
      const options = (expected ?? 'another value').replaceAll(/[()]/g, '').split(' | ')
      const words = [...new Set(options.map((option) => WORDS[option] ?? option.replaceAll('"', '')))]
      return words.length < 3 ? words.join(' or ') : `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`
    }
  }
}

function thingsOf(input: unknown, count: unknown): string {
  const [one, several] = Array.isArray(input) ? ['entry', 'entries'] : ['character', 'characters']
  return count === 1 ? one : several
}
