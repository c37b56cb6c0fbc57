// Where the cursor is in a document: which field is being written. It reads block and flow YAML, and JSON, as far as the cursor.

export type Segment = string | number

export interface CursorContext {
  /** The fields and list places around the cursor. */
  readonly path: readonly Segment[]
  readonly kind: 'key' | 'value'
  /** What is typed of the key or the value. */
  readonly typed: string
  /** Fields that the same mapping has before the cursor. */
  readonly siblings: Readonly<Record<string, string>>
}

interface Frame {
  /** Column of a block; -1 inside brackets. */
  readonly indent: number
  readonly kind: 'map' | 'list'
  key: string | undefined
  index: number
  readonly fields: Record<string, string>
}

/** `undefined` in a comment and in a quoted text. */
export function contextAt(text: string, offset: number): CursorContext | undefined {
  const reader = new Reader()
  const lines = text.slice(0, offset).split('\n')
  for (const [i, line] of lines.entries()) reader.line(line, i === lines.length - 1)
  return reader.context()
}

class Reader {
  private readonly frames: Frame[] = [{ indent: 0, kind: 'map', key: undefined, index: 0, fields: {} }]
  private depth = 0
  /** What was read since the last mark of the syntax. */
  private word = ''
  private isValue = false
  private quote = ''
  private isComment = false
  /** Column of the block key whose text continues below; -1 for none. */
  private literal = -1

  line(line: string, isLast: boolean): void {
    this.isComment = false
    if (this.depth > 0 || this.quote !== '') return this.flow(line, isLast)
    const indent = line.search(/\S|$/)
    if (this.literal >= 0 && (indent > this.literal || line.trim() === '')) {
      if (isLast) this.quote = '|'
      return
    }
    this.literal = -1
    if (!isLast && (line.trim() === '' || line.trimStart().startsWith('#'))) return
    this.block(line, indent, isLast)
  }

  context(): CursorContext | undefined {
    if (this.isComment || this.quote === '|') return undefined
    const typed = this.word.trimStart().replace(/^["']/, '')
    const last = this.frames.at(-1)!
    const path = this.frames.slice(0, -1).flatMap(segmentOf)
    if (last.kind === 'list') return { path: [...path, last.index], kind: 'value', typed, siblings: {} }
    if (this.isValue) return { path: [...path, last.key ?? ''], kind: 'value', typed, siblings: last.fields }
    return { path, kind: 'key', typed, siblings: last.fields }
  }

  private block(line: string, indent: number, isLast: boolean): void {
    let column = indent
    let rest = line.slice(indent)
    this.word = ''
    this.isValue = false
    while (/^-(\s|$)/.test(rest)) {
      this.openList(column)
      const item = /^-\s*/.exec(rest)![0]
      column += item === '-' ? 2 : item.length
      rest = rest.slice(item.length)
    }
    this.openMap(column, isLast || rest !== '')
    const field = /^(?:"([^"]*)"|'([^']*)'|([^\s#:[\]{},"'&*!|>%@`][^:#]*?))\s*:(?=\s|$)\s*/.exec(rest)
    if (field === null) return this.flow(rest, isLast)
    this.startField(field[1] ?? field[2] ?? field[3]!)
    const value = rest.slice(field[0].length)
    // A key without a space behind its colon is not a value yet.
    if (isLast && rest.endsWith(':')) this.isValue = false
    if (/^[|>][+-]?\d*\s*$/.test(value)) {
      this.literal = column
      this.keep()
    } else this.flow(value, isLast)
  }

  private openList(column: number): void {
    while (
      this.frames.length > 1 &&
      (this.top.indent > column || (this.top.indent === column && this.top.kind === 'map' && this.hasListAt(column)))
    )
      this.frames.pop()
    if (this.top.kind === 'list' && this.top.indent === column) this.top.index += 1
    else this.frames.push({ indent: column, kind: 'list', key: undefined, index: 0, fields: {} })
  }

  private hasListAt(column: number): boolean {
    return this.frames.some(({ indent, kind }) => kind === 'list' && indent === column)
  }

  private openMap(column: number, isUsed: boolean): void {
    if (!isUsed) return
    while (this.frames.length > 1 && (this.top.indent > column || (this.top.indent === column && this.top.kind === 'list')))
      this.frames.pop()
    if (this.top.kind === 'map' && this.top.indent === column) return
    this.frames.push({ indent: column, kind: 'map', key: undefined, index: 0, fields: {} })
  }

  private startField(name: string): void {
    this.top.key = name
    this.isValue = true
    this.word = ''
  }

  /** Brackets, quotes and scalars. */
  private flow(text: string, isLast: boolean): void {
    for (let i = 0; i < text.length; i += 1) {
      const char = text[i]!
      if (this.quote !== '') {
        if (char === '\\' && this.quote === '"') i += 1
        else if (char === this.quote) this.quote = ''
        this.word += char
      } else if ((char === '"' || char === "'") && this.word.trim() === '') {
        this.quote = char
        this.word += char
      } else if (char === '#' && (i === 0 || text[i - 1] === ' ')) {
        this.isComment = true
        break
      } else if ((char === '{' || char === '[') && (this.depth > 0 || this.word.trim() === '')) this.open(char)
      else if (this.depth > 0 && (char === '}' || char === ']')) this.close()
      else if (this.depth > 0 && char === ',') this.next()
      else if (this.depth > 0 && char === ':' && this.top.kind === 'map' && !this.isValue) this.startField(unquoted(this.word))
      else this.word += char
    }
    if (!isLast) {
      if (this.depth === 0) this.keep()
      else this.word += ' '
    }
  }

  private open(char: string): void {
    this.depth += 1
    this.frames.push({ indent: -1, kind: char === '{' ? 'map' : 'list', key: undefined, index: 0, fields: {} })
    this.word = ''
    this.isValue = false
  }

  private close(): void {
    this.keep()
    this.depth -= 1
    this.frames.pop()
    this.isValue = this.top.kind === 'map'
    this.word = ''
  }

  private next(): void {
    this.keep()
    this.top.index += 1
    this.top.key = undefined
    this.isValue = false
    this.word = ''
  }

  private keep(): void {
    if (this.top.kind === 'map' && this.top.key !== undefined) this.top.fields[this.top.key] ??= unquoted(this.word)
  }

  private get top(): Frame {
    return this.frames.at(-1)!
  }
}

function segmentOf({ kind, key, index }: Frame): readonly Segment[] {
  return kind === 'list' ? [index] : key === undefined ? [] : [key]
}

function unquoted(word: string): string {
  return word.trim().replace(/^(["'])(.*)\1$/, '$2')
}
