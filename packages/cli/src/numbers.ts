import type { Invocation } from './command.ts'
import { plain, usageError } from './terminal/terminal.ts'

/** The whole number of an option; `undefined` if it was not given. @throws ERR_COMMAND_INVALID */
export function numberOption(
  command: string,
  { option }: Pick<Invocation, 'option'>,
  name: string,
  [least, most]: readonly [least: number, most: number],
): number | undefined {
  const text = option(name)
  if (text === undefined) return undefined
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (!(number >= least && number <= most))
    throw usageError(`sluice ${command}: --${name}: expected a whole number, ${least} to ${most}, got ${plain(text)}`)
  return number
}
