/**
 * The forms in which a framework may see a path, each as segments. A rule matches if it matches one of them: a
 * framework that reads a path in another way than the limiter would otherwise be a way around the limit.
 *
 * Segments are decoded once, so an encoded slash is part of its segment. Nearly every path has one form.
 */
export function pathForms(text: string, caseSensitive: boolean): readonly (readonly string[])[] {
  // After it is decoded, since a decoded letter may be a capital.
  const segmentsOf = (path: string): readonly string[] =>
    path
      .slice(1)
      .split('/')
      .map((segment) => (caseSensitive ? decoded(segment) : decoded(segment).toLowerCase()))
  if (!ODD.test(text)) return [trimmed(segmentsOf(text))]
  const forms: (readonly string[])[] = []
  // Some servers read what follows a semicolon as parameters of its segment, others as the query.
  const cuts = text.includes(';') ? [text, text.replaceAll(/;[^/]*/g, ''), text.slice(0, text.indexOf(';'))] : [text]
  for (const cut of cuts) {
    const plain = segmentsOf(cut)
    // As `new URL()` reads it: a backslash is a slash.
    const resolved = withoutDots(segmentsOf(cut.replaceAll('\\', '/')))
    for (const form of [plain, resolved]) forms.push(trimmed(form), trimmed(form.filter((segment) => segment !== '')))
  }
  return forms
}

/** What servers read in different ways: dots, backslashes, empty segments, parameters. */
export const ODD: RegExp = /\/\.|%2e|\\|\/\/|;/i

const QUESTION_MARK = 0x3f
const NUMBER_SIGN = 0x23

/** The path of a request target: without origin, query and fragment. */
export function pathOf(target: string): string {
  let start = 0
  if (!target.startsWith('/')) {
    // The absolute form, as a proxy is asked. A target without a path is the root.
    const authority = target.indexOf('://')
    start = authority < 0 ? 0 : target.indexOf('/', authority + 3)
    if (start < 0) return '/'
  }
  let end = start
  for (; end < target.length; end++) {
    const char = target.charCodeAt(end)
    if (char === QUESTION_MARK || char === NUMBER_SIGN) break
  }
  const path = start === 0 && end === target.length ? target : target.slice(start, end)
  return path.startsWith('/') ? path : `/${path}`
}

function decoded(segment: string): string {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

function withoutDots(segments: readonly string[]): readonly string[] {
  const kept: string[] = []
  for (const segment of segments) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
  }
  return kept
}

/** Without the empty segment of a trailing slash. */
export function trimmed(segments: readonly string[]): readonly string[] {
  return segments.length > 0 && segments.at(-1) === '' ? segments.slice(0, -1) : segments
}
