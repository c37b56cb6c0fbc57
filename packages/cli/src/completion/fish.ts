import type { Command, CommandOption } from '../command.ts'
import { briefly, firstWords, groupsOf, namesOf, optionsOf, takesFile, type Word } from './words.ts'

export function fishScript(commands: readonly Command[]): string {
  const lines = [
    ...firstWords(commands).map((word) => wordLine('', word)),
    ...Array.from(groupsOf(commands), ([first, words]) => words.map((word) => wordLine(first, word))).flat(),
    ...namesOf(commands).flatMap(({ name, command }) => [
      ...operandLines(name, command),
      ...optionsOf(command).map((option) => optionLine(name, option)),
    ]),
  ]
  return `# Completion of sluice for fish. In ~/.config/fish/config.fish:  sluice completion fish | source
function __sluice_words
    set -l words (string match --invert -- '-*' (commandline -opc))
    set -e words[1]
    test "$words[1]" = help; and set -e words[1]
    echo "$words"
end
function __sluice_is
    test (__sluice_words) = "$argv"
end
function __sluice_at
    string match --quiet -- "$argv *" (__sluice_words)" "
end
complete -c sluice -f
${lines.join('\n')}
`
}

function wordLine(before: string, { word, means }: Word): string {
  return `complete -c sluice -n ${text(`__sluice_is ${before}`)} -a ${word} -d ${text(means)}`
}

function operandLines(name: string, { completes }: Command): readonly string[] {
  if (completes === undefined) return []
  return [`complete -c sluice -n ${text(`__sluice_at ${name}`)} ${completes === 'files' ? '-F' : `-a ${text(completes.join(' '))}`}`]
}

function optionLine(name: string, option: CommandOption): string {
  const { short, value, choices, means } = option
  const takes =
    value === undefined ? '' : choices === undefined ? (takesFile(option) ? ' -r -F' : ' -x') : ` -x -a ${text(choices.join(' '))}`
  return `complete -c sluice -n ${text(`__sluice_at ${name}`)}${short === undefined ? '' : ` -s ${short}`} -l ${option.name}${takes} -d ${text(briefly(means))}`
}

function text(words: string): string {
  return `'${words.replaceAll(/['\\]/g, String.raw`\$&`).trim()}'`
}
