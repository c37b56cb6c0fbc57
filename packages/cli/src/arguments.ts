import { parseArgs } from 'node:util'
import { type Command, type CommandOption, GLOBAL_OPTIONS } from './command.ts'
import { plain, usageError } from './terminal/terminal.ts'

/** What a command line says, by the options of its command. */
export interface ParsedArguments {
  readonly operands: readonly string[]
  readonly values: ReadonlyMap<string, string | true>
}

/** @throws ERR_COMMAND_INVALID */
export function parsedArguments(command: Command, args: readonly string[]): ParsedArguments {
  const options = [...command.options, ...GLOBAL_OPTIONS]
  const { tokens } = parseArgs({ args: [...args], options: configOf(options), strict: false, allowPositionals: true, tokens: true })
  const values = new Map<string, string | true>()
  const operands: string[] = []
  const wrong = (message: string) => usageError(`sluice ${command.name}: ${message}; see  sluice ${command.name} --help`)
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value)
    if (token.kind !== 'option') continue
    const option = options.find(({ name }) => name === token.name)
    if (option === undefined) throw wrong(`unknown option ${plain(token.rawName)}${meant(token.name, options)}`)
    if (option.value === undefined && token.value !== undefined) throw wrong(`--${option.name} takes no value`)
    // The next option is no value: `--to --wait` lacks one.
    if (option.value !== undefined && (token.value === undefined || (!token.inlineValue && /^-./.test(token.value))))
      throw wrong(`--${option.name} needs a value: ${option.value}`)
    if (values.has(option.name)) throw wrong(`--${option.name} is given twice`)
    values.set(option.name, token.value ?? true)
  }
  const [fewest, most] = command.operands
  if (!values.has('help')) {
    if (operands.length < fewest) throw wrong(`expected ${command.synopsis}`)
    if (operands.length > most) throw wrong(`one argument too many: ${plain(operands[most] ?? '')}`)
  }
  return { operands, values }
}

function configOf(options: readonly CommandOption[]): Record<string, { type: 'string' | 'boolean'; short?: string }> {
  return Object.fromEntries(
    options.map(({ name, short, value }) => [
      name,
      { type: value === undefined ? 'boolean' : 'string', ...(short === undefined ? {} : { short }) },
    ]),
  )
}

function meant(name: string, options: readonly CommandOption[]): string {
  const near = nearest(
    name,
    options.map((option) => option.name),
  )
  return near === undefined ? '' : `; did you mean --${near}?`
}

/** The name that is most like a misspelt one; `undefined` if none is near. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const [best] = names.map((each) => ({ each, distance: distanceOf(name, each) })).toSorted((a, b) => a.distance - b.distance)
  return best !== undefined && best.distance <= Math.max(1, Math.floor(name.length / 3)) ? best.each : undefined
}

/** How many letters must be changed, added or removed. */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const change = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[other.length] ?? 0
}
