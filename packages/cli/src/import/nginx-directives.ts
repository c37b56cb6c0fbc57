import { failed } from '../terminal/terminal.ts'

/** A line of a configuration of nginx: a name, its words, and what is in its braces. */
export interface Directive {
  readonly name: string
  readonly words: readonly string[]
  readonly line: number
  readonly block: readonly Directive[] | undefined
}

interface Token {
  readonly text: string
  readonly line: number
  readonly isWord: boolean
}

/** @throws ERR_COMMAND_FAILED for what is no configuration */
export function directivesOf(source: string, text: string): readonly Directive[] {
  const tokens = tokensOf(source, text)
  let at = 0
  const block = (isInner: boolean): readonly Directive[] => {
    const found: Directive[] = []
    for (; at < tokens.length;) {
      const first = tokens[at++] as Token
      if (!first.isWord && first.text === '}') {
        if (!isInner) throw failed(`${source}: line ${first.line}: expected a directive, got }`)
        return found
      }
      if (!first.isWord) throw failed(`${source}: line ${first.line}: expected a directive, got ${first.text}`)
      const words: string[] = []
      while (tokens[at]?.isWord === true) words.push((tokens[at++] as Token).text)
      const end = tokens[at++]
      if (end === undefined || end.text === '}') throw failed(`${source}: line ${first.line}: expected ; at the end of ${first.text}`)
      found.push({ name: first.text, words, line: first.line, block: end.text === '{' ? block(true) : undefined })
    }
    if (isInner) throw failed(`${source}: expected } at the end`)
    return found
  }
  return block(false)
}

/** Words end at white space, at `;`, and at braces, unless they are in quotes or escaped. `${name}` is a part of a word. */
function tokensOf(source: string, text: string): readonly Token[] {
  const tokens: Token[] = []
  let line = 1
  for (let i = 0; i < text.length;) {
    const char = text[i] as string
    if (/\s/.test(char)) {
      if (char === '\n') line += 1
      i += 1
    } else if (char === '#') {
      const end = text.indexOf('\n', i)
      i = end < 0 ? text.length : end
    } else if (char === ';' || char === '{' || char === '}') {
      tokens.push({ text: char, line, isWord: false })
      i += 1
    } else {
      const end = char === '"' || char === "'" ? endOfQuoted(text, i) : endOfWord(text, i)
      if (end < 0) throw failed(`${source}: line ${line}: a quote is not closed`)
      const isQuoted = char === '"' || char === "'"
      tokens.push({ text: isQuoted ? text.slice(i + 1, end - 1) : text.slice(i, end), line, isWord: true })
      line += text.slice(i, end).split('\n').length - 1
      i = end
    }
  }
  return tokens
}

function endOfQuoted(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i += 1
    else if (text[i] === text[start]) return i + 1
  }
  return -1
}

function endOfWord(text: string, start: number): number {
  let i = start
  while (i < text.length && !/[\s;{}]/.test(text[i] as string)) {
    if (text[i] === '\\') i += 2
    else if (text.startsWith('${', i)) {
      const end = text.indexOf('}', i)
      i = end < 0 ? text.length : end + 1
    } else i += 1
  }
  return Math.min(i, text.length)
}
