import { isSluiceError } from '@sluice/core'
import { nearest, parsedArguments } from './arguments.ts'
import type { Command, Invocation } from './command.ts'
import { COMMANDS } from './commands.ts'
import { listOf, pageOf } from './help.ts'
import { type CommandIo, paintFor, plain, usageError } from './terminal/terminal.ts'
import { VERSION } from './version.ts'

/**
 * Runs one command line of `sluice`, as the program of that name does.
 * @param args what stands after `sluice`
 * @returns the exit status: 0 fine, 1 findings, 2 a wrong command line, or something that could not be read or written
 * @example
 * ```ts
 * import process from 'node:process'
 * import { runCli } from '@sluice/cli'
 *
 * const status = await runCli(['policies', 'lint', 'sluice.yaml'], { out: process.stdout, err: process.stderr, in: process.stdin, env: process.env })
 * if (status !== 0) process.exitCode = status
 * ```
 */
export async function runCli(args: readonly string[], io: CommandIo): Promise<number> {
  const isJson = args.includes('--json')
  const paint = paintFor(io.err, io.env, args.includes('--no-color'))
  try {
    return await run(args, io, isJson)
  } catch (error) {
    const message = isSluiceError(error)
      ? error.message
      : `a fault of sluice itself: ${error instanceof Error ? (error.stack ?? '') : String(error)}`
    const code = isSluiceError(error) ? error.code : undefined
    if (isJson) io.out.write(`${JSON.stringify({ error: { code, message } }, null, 2)}\n`)
    io.err.write(`${paint('red', 'sluice:')} ${message.split('\n').map(plain).join('\n')}\n`)
    return code === 'ERR_PUBLISH_CONFLICT' ? 1 : 2
  }
}

async function run(args: readonly string[], io: CommandIo, isJson: boolean): Promise<number> {
  const paint = paintFor(io.out, io.env, args.includes('--no-color'))
  const words = args.filter((word) => !word.startsWith('-'))
  const asksHelp = words[0] === 'help'
  const named = asksHelp ? words.slice(1) : words
  const [command, called] = commandOf(named)
  if (command === undefined) {
    if (args.includes('--version') && words.length === 0) {
      io.out.write(`${VERSION}\n`)
      return 0
    }
    const group = COMMANDS.some(({ name }) => name.startsWith(`${named[0] ?? ''} `)) ? (named[0] ?? '') : ''
    // A group alone is a question; a word that is no command is a mistake.
    if (named.length > (group === '' ? 0 : 1)) throw unknownCommand(named, group)
    io.out.write(`${listOf(COMMANDS, group, paint)}\n`)
    return asksHelp || args.some((word) => word === '--help' || word === '-h') ? 0 : 2
  }
  const rest = withoutName(args, [...(asksHelp ? ['help'] : []), ...called.split(' ')])
  const { operands, values } = parsedArguments(command, asksHelp ? ['--help'] : rest)
  if (values.has('help')) {
    io.out.write(`${pageOf(command, paint)}\n`)
    return 0
  }
  const invocation: Invocation = {
    operands,
    option: (name) => {
      const value = values.get(name)
      return typeof value === 'string' ? value : undefined
    },
    has: (name) => values.has(name),
    io,
    isJson,
    paint,
    print: (line) => void io.out.write(`${line}\n`),
    printJson: (value) => void io.out.write(`${JSON.stringify(value, null, 2)}\n`),
  }
  return await command.run(invocation)
}

/** The command that the words begin with, and the name by which they call it. */
function commandOf(words: readonly string[]): readonly [command: Command | undefined, called: string] {
  for (const command of COMMANDS)
    for (const name of namesOf(command)) if (name.split(' ').every((word, i) => words[i] === word)) return [command, name]
  return [undefined, '']
}

function namesOf({ name, alias }: Command): readonly string[] {
  return alias === undefined ? [name] : [name, alias]
}

/** The words of a name may have options between them. */
function withoutName(args: readonly string[], name: readonly string[]): readonly string[] {
  let i = 0
  return args.filter((word) => !(i < name.length && word === name[i] && ++i > 0))
}

function unknownCommand(words: readonly string[], group: string): Error {
  const names = COMMANDS.flatMap(namesOf)
  const given = words.slice(0, group === '' ? 1 : 2).join(' ')
  const near = nearest(given, [...new Set([...names, ...names.map((name) => name.split(' ')[0] ?? '')])])
  return usageError(
    `there is no command "${plain(given)}"${near === undefined ? '' : `; did you mean sluice ${near}?`}; see  sluice --help`,
  )
}
