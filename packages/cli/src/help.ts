import { type Command, type CommandOption, GLOBAL_OPTIONS } from './command.ts'
import { type Paint, wrapped } from './terminal/terminal.ts'

const WIDTH = 80
const INDENT = '       '
const DEEP = '           '

/** The page of a command, as `man` would show it: at most 80 columns. */
export function pageOf(command: Command, paint: Paint): string {
  const { name, alias, summary, synopsis, description, options, exits, examples } = command
  const [zero, one] = exits
  return [
    section('NAME', [`sluice ${name}${alias === undefined ? '' : `, sluice ${alias}`} - ${summary}`], paint),
    section('SYNOPSIS', [`sluice ${name} ${synopsis}`], paint),
    section('DESCRIPTION', description, paint),
    [paint('bold', 'OPTIONS'), ...[...options, ...GLOBAL_OPTIONS].map((option) => optionText(option, paint))].join('\n'),
    [paint('bold', 'EXIT STATUS'), ...exitLines([zero, one])].join('\n'),
    [
      paint('bold', 'EXAMPLES'),
      ...examples.map(([line, means]) => `${INDENT}${wrapped(means, WIDTH - INDENT.length, INDENT)}\n${DEEP}${line}`),
    ].join('\n'),
  ].join('\n\n')
}

function section(title: string, paragraphs: readonly string[], paint: Paint): string {
  const text = paragraphs.map((paragraph) => INDENT + wrapped(paragraph, WIDTH - INDENT.length, INDENT)).join('\n\n')
  return `${paint('bold', title)}\n${text}`
}

function optionText({ name, short, value, means }: CommandOption, paint: Paint): string {
  const names = `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`
  return `${INDENT}${paint('bold', names)}\n${DEEP}${wrapped(means, WIDTH - DEEP.length, DEEP)}`
}

function exitLines(exits: readonly [string, string]): readonly string[] {
  const all = [...exits, 'The command line is wrong, or something could not be read or written.']
  return all.map((means, code) => `${INDENT}${code}   ${wrapped(means, WIDTH - DEEP.length, DEEP)}`)
}

/** The list of commands whose names begin with a word, or all. */
export function listOf(commands: readonly Command[], group: string, paint: Paint): string {
  const shown = commands.filter(({ name }) => group === '' || name.startsWith(`${group} `))
  const width = Math.max(...shown.map(({ name }) => name.length))
  const indent = ' '.repeat(width + 4)
  const lines = shown.map(
    ({ name, summary }) => `  ${paint('bold', name.padEnd(width))}  ${wrapped(summary, WIDTH - indent.length, indent)}`,
  )
  return [
    paint('bold', `sluice${group === '' ? '' : ` ${group}`} COMMAND [OPTIONS]`),
    '',
    ...lines,
    '',
    'sluice COMMAND --help shows the page of a command. sluice --version shows the',
    'version. Exit status: 0 fine, 1 findings, 2 a wrong command line, or something',
    'that could not be read or written.',
  ].join('\n')
}
