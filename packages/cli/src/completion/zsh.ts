import type { Command, CommandOption } from '../command.ts'
import { briefly, firstWords, groupsOf, namesOf, optionsOf, takesFile, type Word } from './words.ts'

export function zshScript(commands: readonly Command[]): string {
  const groups = Array.from(groupsOf(commands), ([first, words]) => described(`${first})`, words))
  const names = namesOf(commands).map(({ name, command }) => argumentLines(name, command))
  return `#compdef sluice
# Completion of sluice for zsh. In ~/.zshrc, after compinit:  source <(sluice completion zsh)
_sluice() {
  local -a words_of
  [[ $words[2] == help ]] && (( CURRENT > 2 )) && { words[2]=(); (( CURRENT -= 1 )) }
  if (( CURRENT == 2 )); then
${described('', firstWords(commands)).replace(' ;;', '')}
    return
  fi
  if (( CURRENT == 3 )); then
    case $words[2] in
${groups.join('\n')}
    esac
    (( $#words_of > 0 )) && return
  fi
  case "$words[2] $words[3]" in
${names.join('\n')}
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _sluice "$@"; else compdef _sluice sluice; fi
`
}

function described(pattern: string, words: readonly Word[]): string {
  const items = words.map(({ word, means }) => text(`${word}:${means}`)).join(' ')
  return `    ${pattern === '' ? '' : `  ${pattern} `}words_of=(${items}); _describe command words_of ;;`
}

function argumentLines(name: string, command: Command): string {
  const length = name.split(' ').length
  const pattern = length === 1 ? `'${name} '*` : `'${name}'`
  const { completes } = command
  const operands =
    completes === 'files' ? [text('*:file:_files')] : completes === undefined ? [] : [text(`1:word:(${completes.join(' ')})`)]
  const specs = [...optionsOf(command).map(specOf), ...operands]
  return `    ${pattern}) shift ${length} words; (( CURRENT -= ${length} ))\n      _arguments ${specs.join(' \\\n        ')} ;;`
}

function specOf(option: CommandOption): string {
  const { name, short, value, means, choices } = option
  const action = choices === undefined ? (takesFile(option) ? '_files' : ' ') : `(${choices.join(' ')})`
  const rest = `[${briefly(means).replaceAll(/[[\]\\]/g, String.raw`\$&`)}]${value === undefined ? '' : `:${value}:${action}`}`
  return short === undefined ? text(`--${name}${value === undefined ? '' : '='}${rest}`) : `{-${short},--${name}}${text(rest)}`
}

function text(words: string): string {
  return `'${words.replaceAll("'", String.raw`'\''`)}'`
}
