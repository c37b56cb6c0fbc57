import type { CommandOption, Invocation } from '../command.ts'
import { numberOption } from '../numbers.ts'
import { plain, usageError } from '../terminal/terminal.ts'

/** What says of which request is asked. */
export const REQUEST_OPTIONS: readonly CommandOption[] = [
  { name: 'namespace', value: 'NAME', means: 'The namespace of the documents. Default: the only one.' },
  { name: 'method', value: 'METHOD', means: 'The method of the request. Default: GET.' },
  { name: 'path', value: 'PATH', means: 'The path of the request. Default: /.' },
  { name: 'host', value: 'HOST', means: 'The host of the request.' },
  { name: 'ip', value: 'ADDRESS', means: 'The address of the client.' },
  { name: 'route', value: 'ROUTE', means: 'The pattern of the route, such as /users/:id.' },
  { name: 'cost', value: 'UNITS', means: 'How many units the request takes. Default: 1.' },
]

/** The body of a check. */
export type CheckBody = Readonly<Record<string, unknown>>

/** `name=value`, `name:=JSON` and `Header:value`. */
const OPERAND = /^([^=:\s]+)(:=|=|:)(.*)$/s

/** @throws ERR_COMMAND_INVALID */
export function checkBody(command: string, invocation: Pick<Invocation, 'operands' | 'option'>): CheckBody {
  const attributes: Record<string, unknown> = {}
  const headers: Record<string, string> = {}
  for (const operand of invocation.operands) {
    const [, name = '', kind, value = ''] = OPERAND.exec(operand) ?? []
    if (kind === undefined) throw usageError(`sluice ${command}: expected name=value or Header:value, got ${plain(operand)}`)
    if (kind === ':') headers[name.toLowerCase()] = value.trim()
    else attributes[name] = kind === '=' ? value : jsonOf(command, name, value)
  }
  const { option } = invocation
  const cost = numberOption(command, invocation, 'cost', [0, 1_000_000_000_000])
  const named = ['namespace', 'method', 'path', 'host', 'ip', 'route'].map((name) => [name, option(name)] as const)
  const body = { ...Object.fromEntries(named), cost, attributes: someOf(attributes), headers: someOf(headers) }
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined))
}

function someOf<T extends object>(values: T): T | undefined {
  return Object.keys(values).length === 0 ? undefined : values
}

function jsonOf(command: string, name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw usageError(
      `sluice ${command}: ${plain(name)}: expected JSON after :=, got ${plain(text)}; for a text write ${plain(name)}=${plain(text)}`,
    )
  }
}
