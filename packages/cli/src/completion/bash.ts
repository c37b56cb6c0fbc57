import type { Command } from '../command.ts'
import { firstWords, groupsOf, namesOf, optionsOf, takesFile } from './words.ts'

/** A script for bash 3.2 or newer. It needs no other package. */
export function bashScript(commands: readonly Command[]): string {
  const groups = Array.from(groupsOf(commands), ([first, words]) => `    '${first} ') next=${quoted(words.map(({ word }) => word))} ;;`)
  const names = namesOf(commands).map(({ name, command }) => {
    const { completes } = command
    const operands = completes === 'files' ? ' files=1' : completes === undefined ? '' : ` next=${quoted(completes)}`
    return `    '${name}${name.includes(' ') ? '' : ' '}'*) name='${name}' options=${quoted(optionsOf(command).map((option) => `--${option.name}`))}${operands} ;;`
  })
  return `# Completion of sluice for bash. In ~/.bashrc:  source <(sluice completion bash)
_sluice_offer() {
  local line
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$@")
}
_sluice_files() {
  _sluice_offer -f -- "$1"
  type compopt >/dev/null 2>&1 && compopt -o filenames 2>/dev/null || true
}
_sluice() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" word words=() name='' next='' options='' files=''
  COMPREPLY=()
  # bash also splits words at = signs.
  if [[ $current == = ]]; then current=''
  elif [[ $previous == = ]]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do [[ $word == -* ]] || words+=("$word"); done
  if [[ \${words[0]-} == help ]]; then words=("\${words[@]:1}"); fi
  case "\${words[0]-} \${words[1]-}" in
    ' ') next=${quoted(firstWords(commands).map(({ word }) => word))} ;;
${[...groups, ...names].join('\n')}
  esac
  case "$name $previous" in
${valueLines(commands).join('\n')}
  esac
  if [[ $current == -* ]]; then _sluice_offer -W "$options" -- "$current"
  elif [[ -n $files ]]; then _sluice_files "$current"
  else _sluice_offer -W "$next" -- "$current"; fi
}
complete -F _sluice sluice
`
}

/** What may stand after an option with a value. */
function valueLines(commands: readonly Command[]): readonly string[] {
  const lines: string[] = []
  const files: string[] = []
  const others: string[] = []
  for (const { name, command } of namesOf(commands))
    for (const option of optionsOf(command)) {
      const pattern = `'${name} --${option.name}'`
      if (option.choices !== undefined) lines.push(`    ${pattern}) _sluice_offer -W ${quoted(option.choices)} -- "$current"; return ;;`)
      else if (takesFile(option)) files.push(pattern)
      else if (option.value !== undefined) others.push(pattern)
    }
  return [...lines, `    ${files.join('|')}) _sluice_files "$current"; return ;;`, `    ${others.join('|')}) return ;;`]
}

function quoted(words: readonly string[]): string {
  return `'${words.join(' ')}'`
}
