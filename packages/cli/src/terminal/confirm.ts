import { type CommandIo, usageError } from './terminal.ts'

/**
 * Asks a person, who must type y. `--yes` is the answer of a script.
 * @throws ERR_COMMAND_INVALID where nobody can be asked
 */
export async function confirmed(command: string, question: string, io: CommandIo, isYes: boolean): Promise<boolean> {
  if (isYes) return true
  if (io.err.isTTY !== true) throw usageError(`sluice ${command}: there is no terminal to ask on; add --yes if it is meant`)
  io.err.write(`${question} [y/N] `)
  let line = ''
  for await (const chunk of io.in) {
    line += Buffer.from(chunk).toString('utf8')
    if (line.includes('\n')) break
  }
  return /^y(?:es)?$/i.test(line.trim())
}
