import type { Command } from '../command.ts'
import { plain, usageError } from '../terminal/terminal.ts'
import { bashScript } from './bash.ts'
import { fishScript } from './fish.ts'
import { zshScript } from './zsh.ts'

const SCRIPTS: ReadonlyMap<string, (commands: readonly Command[]) => string> = new Map([
  ['bash', bashScript],
  ['zsh', zshScript],
  ['fish', fishScript],
])
const SHELLS = [...SCRIPTS.keys()]

/** The command that writes the script of a shell for all commands, itself too. */
export function completionOf(commands: () => readonly Command[]): Command {
  return {
    name: 'completion',
    summary: 'write the script by which a shell completes sluice',
    synopsis: 'bash|zsh|fish',
    operands: [1, 1],
    completes: SHELLS,
    description: [
      'Prints a script for bash (3.2 or newer), zsh or fish. With it, the Tab key completes commands, options, files, and values of options that are a fixed list.',
      'The script is made from the commands of this version. A shell that loads it at its start, as in the examples, never has an old one.',
    ],
    options: [],
    exits: ['The script was written.', 'Not used.'],
    examples: [
      ['source <(sluice completion bash)', 'Load it in bash: a line of ~/.bashrc.'],
      ['source <(sluice completion zsh)', 'Load it in zsh: a line of ~/.zshrc after compinit.'],
      ['sluice completion fish | source', 'Load it in fish: a line of ~/.config/fish/config.fish.'],
    ],
    run({ operands, isJson, io, printJson }) {
      const [shell = ''] = operands
      const script = SCRIPTS.get(shell)?.(commands())
      if (script === undefined) throw usageError(`sluice completion: expected ${SHELLS.join(', ')}, got ${plain(shell)}`)
      if (isJson) printJson({ shell, script })
      else io.out.write(script)
      return 0
    },
  }
}
