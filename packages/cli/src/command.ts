import type { CommandIo, Paint } from './terminal/terminal.ts'

/** An option of a command. */
export interface CommandOption {
  /** Without the two dashes. */
  readonly name: string
  /** One letter. */
  readonly short?: string
  /** Names the value in help, such as `FILE`; absent for a switch. */
  readonly value?: string
  readonly means: string
  /** The values that there are, for completion. A value named FILE is completed by files. */
  readonly choices?: readonly string[]
}

/** One command: what it is called, what help says of it, and what it does. */
export interface Command {
  /** Its words: `policies lint`. */
  readonly name: string
  /** A shorter name: `replay`. */
  readonly alias?: string
  /** One sentence without a full stop, after the name. */
  readonly summary: string
  /** What stands after the name: `FILE [--previous FILE]`. */
  readonly synopsis: string
  /** The fewest and the most arguments. */
  readonly operands: readonly [fewest: number, most: number]
  /** What completion offers as an argument: files, or these words. Default: nothing. */
  readonly completes?: 'files' | readonly string[]
  /** Paragraphs. */
  readonly description: readonly string[]
  readonly options: readonly CommandOption[]
  /** What 0 and 1 mean. 2 means the same for all commands. */
  readonly exits: readonly [zero: string, one: string]
  readonly examples: readonly (readonly [line: string, means: string])[]
  run(invocation: Invocation): Promise<number> | number
}

/** One call of a command. */
export interface Invocation {
  readonly operands: readonly string[]
  /** The value of an option; `undefined` if it was not given. */
  readonly option: (name: string) => string | undefined
  readonly has: (name: string) => boolean
  readonly io: CommandIo
  readonly isJson: boolean
  /** Styles text for standard output. */
  readonly paint: Paint
  /** Writes a line to standard output. */
  readonly print: (line: string) => void
  /** Writes the one JSON value of a call with `--json`. */
  readonly printJson: (value: unknown) => void
}

/** Every command has these. */
export const GLOBAL_OPTIONS: readonly CommandOption[] = [
  { name: 'json', means: 'Write the result as one JSON value, for scripts.' },
  { name: 'no-color', means: 'Write without colour. So does the environment variable NO_COLOR.' },
  { name: 'help', short: 'h', means: 'Show this page.' },
]
