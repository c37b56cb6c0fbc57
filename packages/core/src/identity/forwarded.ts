// Reads the lists of X-Forwarded-For and Forwarded from the right, where the nearest proxy writes. Nothing that a client puts to
// the left, such as an opening quote, may change how the elements to the right are read.

const QUOTE = 34
const COMMA = 44
const SEMICOLON = 59
const BACKSLASH = 92

/** How the elements of a header are found and read. */
export interface ForwardedSyntax {
  /** Returns where the element that ends before `end` starts. */
  start(text: string, end: number): number
  /** Returns the address that an element claims, which may be any text, such as `unknown`. */
  claim(element: string): string
}

export const xForwardedFor: ForwardedSyntax = {
  start: (text, end) => (end === 0 ? 0 : text.lastIndexOf(',', end - 1) + 1),
  claim: (element) => element.trim(),
}

/** RFC 7239. */
export const forwarded: ForwardedSyntax = {
  start(text, end) {
    let quoted = false
    for (let i = end - 1; i >= 0; i--) {
      const code = text.charCodeAt(i)
      if (code === QUOTE && !isEscaped(text, i)) quoted = !quoted
      else if (code === COMMA && !quoted) return i + 1
    }
    return 0
  },
  claim(element) {
    let claim: string | undefined
    for (let i = 0; i < element.length; i++) {
      const equals = element.indexOf('=', i)
      if (equals < 0) return ''
      const name = element.slice(i, equals).trim().toLowerCase()
      const end = valueEnd(element, equals + 1)
      if (end < 0) return ''
      if (name === 'for') {
        // Two claims in one element: neither can be believed.
        if (claim !== undefined) return ''
        claim = unquoted(element.slice(equals + 1, end).trim())
      }
      i = end
    }
    return claim ?? ''
  },
}

/** Where the value ends: at a semicolon outside quotes, or at the end of the text; −1 if a quote stays open. */
function valueEnd(text: string, start: number): number {
  let quoted = false
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (quoted && code === BACKSLASH) i++
    else if (code === QUOTE) quoted = !quoted
    else if (code === SEMICOLON && !quoted) return i
  }
  return quoted ? -1 : text.length
}

function unquoted(value: string): string {
  if (!value.startsWith('"')) return value
  let text = ''
  for (let i = 1; i < value.length - 1; i++) text += value[value.charCodeAt(i) === BACKSLASH ? ++i : i] ?? ''
  return text
}

/** Whether an odd number of backslashes comes before the character. */
function isEscaped(text: string, at: number): boolean {
  let from = at
  while (text.charCodeAt(from - 1) === BACKSLASH) from--
  return (at - from) % 2 === 1
}
