import { createHash, randomBytes } from 'node:crypto'
import type { Command, Invocation } from '../command.ts'
import { readText } from '../files.ts'
import { failed, plain, usageError } from '../terminal/terminal.ts'

/** A service looks up no shorter and no longer token. */
const LENGTH = { least: 32, most: 512 } as const
const SCOPE = /^(?:read|policies|subjects|blocks|write|admin):(?:\*|[A-Za-z][\w.-]{0,63})$/

export const newToken: Command = {
  name: 'tokens new',
  summary: 'make a token for the admin API, and its entry for the configuration',
  synopsis: '[--name NAME] [--scopes LIST] [--expires TIME]',
  operands: [0, 0],
  description: [
    'Makes a token of 256 random bits, and prints it once, with the entry that goes into the configuration of the service. The entry has only the SHA-256 of the token, so who reads the configuration cannot use it. Nothing is stored.',
    'A scope is an action and a namespace, or *: read:*, policies:shop, subjects:shop, blocks:*, write:shop (these three), admin:* (all). Clients send the token as Authorization: Bearer; the commands of sluice read it from SLUICE_TOKEN.',
  ],
  options: [
    { name: 'name', value: 'NAME', means: 'Names the owner in the audit log: 1 to 64 characters. Default: operator.' },
    { name: 'scopes', value: 'LIST', means: 'What it may do, with commas between. Default: read:*.' },
    { name: 'expires', value: 'TIME', means: 'Until when it holds, as 2027-01-01T00:00:00Z. Default: for ever.' },
  ],
  exits: ['The token was made.', 'Not used.'],
  examples: [
    ['sluice tokens new --name console', 'A token that may read everything.'],
    ['sluice tokens new --name deploy --scopes policies:shop,read:shop --json', 'One that publishes one namespace, for a script.'],
  ],
  run(invocation) {
    const { option, isJson, print, printJson, paint } = invocation
    const entry = entryOf(option)
    const token = `sluice_${randomBytes(32).toString('base64url')}`
    const sha256 = hashOf(token)
    if (isJson) printJson({ token, ...entry, sha256 })
    else
      print(
        [
          paint('bold', token),
          '',
          paint('dim', 'It is shown only now. In the configuration of the service:'),
          '',
          'admin:',
          '  tokens:',
          `    - name: ${JSON.stringify(entry.name)}`,
          `      sha256: ${sha256}`,
          `      scopes: [${entry.scopes.map((scope) => JSON.stringify(scope)).join(', ')}]`,
          ...(entry.expires === undefined ? [] : [`      expires: ${JSON.stringify(entry.expires)}`]),
        ].join('\n'),
      )
    return 0
  },
}

export const hashToken: Command = {
  name: 'tokens hash',
  summary: 'print the SHA-256 of a token, as the configuration has it',
  synopsis: '[FILE]',
  operands: [0, 1],
  completes: 'files',
  description: [
    'Reads a token that you have made from a file, or from the standard input, without the end of its line. A token on the command line would be in the history of the shell.',
  ],
  options: [],
  exits: ['The hash was printed.', 'Not used.'],
  examples: [['openssl rand -base64 32 | tee token | sluice tokens hash', 'Make a token with another program.']],
  async run(invocation) {
    const { source, text } = await readText(invocation.operands[0] ?? '-', invocation)
    const token = text.replace(/\r?\n$/, '')
    if (token.length < LENGTH.least || token.length > LENGTH.most || /\s/.test(token))
      throw failed(`${source}: expected a token of ${LENGTH.least} to ${LENGTH.most} characters without spaces, got ${token.length}`)
    if (invocation.isJson) invocation.printJson({ sha256: hashOf(token) })
    else invocation.print(hashOf(token))
    return 0
  },
}

interface Entry {
  readonly name: string
  readonly scopes: readonly string[]
  readonly expires: string | undefined
}

/** @throws ERR_COMMAND_INVALID */
function entryOf(option: Invocation['option']): Entry {
  const name = option('name') ?? 'operator'
  const scopes = (option('scopes') ?? 'read:*').split(',')
  const expires = option('expires')
  if (!/^[^\p{Cc}]{1,64}$/u.test(name)) throw usageError('sluice tokens new: --name: expected 1 to 64 characters')
  for (const scope of scopes)
    if (!SCOPE.test(scope))
      throw usageError(`sluice tokens new: --scopes: expected scopes such as read:* or policies:shop, got ${plain(scope)}`)
  if (
    (expires !== undefined && !/^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:\d\d)$/.test(expires)) ||
    Number.isNaN(Date.parse(expires ?? '2027-01-01'))
  )
    throw usageError(`sluice tokens new: --expires: expected an instant such as 2027-01-01T00:00:00Z, got ${plain(expires ?? '')}`)
  return { name, scopes, expires }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
