import { SluiceError } from '@sluice/core'

/** Where a command writes, and what it knows of the program around it. */
export interface CommandIo {
  /** Results. */
  readonly out: TextStream
  /** Errors and progress. */
  readonly err: TextStream
  /** The standard input, for a file named `-`. */
  readonly in: AsyncIterable<Uint8Array | string>
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A stream that text is written to. */
export interface TextStream {
  write(text: string): unknown
  /** Whether a person reads it. */
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'
const CODES: Readonly<Record<Style, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 }

/** Styles a text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string

/** Colour is for people: NO_COLOR and --no-color take it away, FORCE_COLOR gives it to a pipe. */
export function paintFor(stream: TextStream, env: CommandIo['env'], isOff: boolean): Paint {
  const isForced = (env['FORCE_COLOR'] ?? '') !== '' && env['FORCE_COLOR'] !== '0'
  const isOn = !isOff && (env['NO_COLOR'] ?? '') === '' && (isForced || (stream.isTTY === true && env['TERM'] !== 'dumb'))
  return isOn ? (style, text) => `\u001B[${CODES[style]}m${text}\u001B[0m` : (_, text) => text
}

/** A table without lines. Numbers are aligned to the right. */
export function table(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [columns, ...rows.map((row) => row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : plain(cell))))]
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)))
  const isNumber = columns.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number'))
  return cells
    .map((row) =>
      row
        .map((cell, i) => (isNumber[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** A value of a document or a log, which must not control the terminal. */
export function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001F\u007F-\u009F\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** A text in lines of at most `width` characters, each after the first with `indent` in front. */
export function wrapped(text: string, width: number, indent: string): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].join(`\n${indent}`)
}

/** The error of a command line that cannot be understood. */
export function usageError(message: string): SluiceError {
  return new SluiceError('ERR_COMMAND_INVALID', message)
}

/** The error of something that cannot be read or written. */
export function failed(message: string, cause?: unknown): SluiceError {
  return new SluiceError('ERR_COMMAND_FAILED', message, { cause })
}
