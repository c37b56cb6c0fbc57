import type { CommandOption, Invocation } from '../command.ts'
import { plain, usageError } from '../terminal/terminal.ts'

export const URL_OPTION: CommandOption = {
  name: 'url',
  value: 'URL',
  means: 'The service. Default: the environment variable SLUICE_URL, else http://127.0.0.1:8080. SLUICE_TOKEN is sent as a bearer token.',
}

/** The service of --url, without a slash at its end. @throws ERR_COMMAND_INVALID */
export function serviceUrl(command: string, { option, io }: Pick<Invocation, 'option' | 'io'>): string {
  const url = option('url') ?? io.env['SLUICE_URL'] ?? 'http://127.0.0.1:8080'
  if (!/^https?:\/\/./.test(url) || !URL.canParse(url) || new URL(url).username !== '')
    throw usageError(`sluice ${command}: --url: expected a URL such as http://127.0.0.1:8080, got ${plain(url.replace(/\/\/.*@/, '//…@'))}`)
  return url.replace(/\/+$/, '')
}
