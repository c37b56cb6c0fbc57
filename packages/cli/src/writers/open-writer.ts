import { fileURLToPath } from 'node:url'
import type { Invocation } from '../command.ts'
import { plain, usageError } from '../terminal/terminal.ts'
import { fileWriter } from './file-writer.ts'
import type { PolicyWriter } from './writer.ts'

const EXPECTED = 'a URL such as file:sluice.yaml'

/** The place that `--to` names. @throws ERR_COMMAND_INVALID */
export function openWriter(name: string, { option }: Pick<Invocation, 'option'>): PolicyWriter {
  const to = option('to')
  if (to === undefined) throw usageError(`sluice ${name}: --to is missing; expected ${EXPECTED}`)
  const [, scheme, rest = ''] = /^([a-z]+):(.*)$/.exec(to) ?? []
  if (scheme === 'file') return fileWriter(rest.startsWith('//') ? fileURLToPath(to) : rest)
  throw usageError(`sluice ${name}: --to: expected ${EXPECTED}, got ${plain(to)}`)
}
