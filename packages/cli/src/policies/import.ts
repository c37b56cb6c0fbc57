import { parseDocument } from '@sluice/policies'
import type { Command, Invocation } from '../command.ts'
import { type NamedText, readText } from '../files.ts'
import { importCsv } from '../import/csv.ts'
import { importEnvoy } from '../import/envoy.ts'
import type { Imported } from '../import/imported.ts'
import { importNginx } from '../import/nginx.ts'
import { plain, usageError } from '../terminal/terminal.ts'

const FORMATS = ['envoy', 'csv', 'nginx'] as const

export const importCommand: Command = {
  name: 'policies import',
  summary: 'make a document from the limits of another program',
  synopsis: 'FILE [--from envoy|csv|nginx] [--namespace NAME] [--into FILE] [--subject NAME]',
  operands: [1, 1],
  completes: 'files',
  description: [
    'Writes a policy document to standard output. What cannot be taken over is named on standard error, with its line.',
    'envoy is the YAML of envoyproxy/ratelimit: its domain becomes the namespace, entries become attributes, and each list of keys becomes a policy, for the descriptors with exactly these keys. For other checks, give the attribute descriptor_keys yourself. Envoy charges each limit by itself; here all limits of a request are charged, or none.',
    'csv is a table of clients with the columns client_id, tier, and those that columns of the document --into names, such as rps_limit. Each client becomes an override. An empty field keeps the number of the tier, 0 refuses. A document takes 10,000 overrides; more clients belong in a table of clients in a database.',
    'nginx is a configuration with limit_req_zone and limit_req: zones become leaky buckets, locations become rules. limit_req_dry_run becomes a policy in shadow.',
  ],
  options: [
    {
      name: 'from',
      value: 'FORMAT',
      means: 'envoy, csv or nginx. Default: by the content of the file.',
      choices: ['envoy', 'csv', 'nginx'],
    },
    { name: 'namespace', value: 'NAME', means: 'The namespace of the document. Default: the domain of envoy, else nginx.' },
    { name: 'into', value: 'FILE', means: 'With csv: the document that the clients are added to, under a higher revision.' },
    { name: 'subject', value: 'NAME', means: 'With csv: the subject that client_id is. Default: client.' },
  ],
  exits: ['All was taken over.', 'Something was left out, and named.'],
  examples: [
    ['sluice policies import ratelimit.yaml > sluice.yaml', 'Move from envoyproxy/ratelimit.'],
    ['sluice policies import clients.csv --into sluice.yaml > new.yaml', 'Take over a table of customers.'],
    ['sluice policies import /etc/nginx/nginx.conf > sluice.yaml', 'Move from limit_req of nginx.'],
  ],
  async run(invocation) {
    const file = await readText(invocation.operands[0] ?? '', invocation)
    const { text, notes } = await imported(file, invocation)
    // A mistake of this command must not be found when the document is published.
    parseDocument(text, { source: `the document made from ${file.source}` })
    if (invocation.isJson) invocation.printJson({ document: text, notes })
    else {
      invocation.io.out.write(text)
      for (const { line, message } of notes)
        invocation.io.err.write(`${file.source}${line === undefined ? '' : `:${line}`}: ${plain(message)}\n`)
    }
    return notes.length > 0 ? 1 : 0
  },
}

async function imported(file: NamedText, invocation: Invocation): Promise<Imported> {
  const { option } = invocation
  const from = option('from') ?? formatOf(file) ?? 'a file of none of them'
  const namespace = option('namespace')
  switch (from) {
    case 'envoy':
      return importEnvoy(file.source, file.text, namespace)
    case 'nginx':
      return importNginx(file.source, file.text, namespace ?? 'nginx')
    case 'csv': {
      const into = option('into')
      if (into === undefined)
        throw usageError('sluice policies import: a table of clients needs --into FILE: the document that says what its columns are')
      return importCsv(file.source, file.text, await readText(into, invocation), option('subject') ?? 'client')
    }
    default:
      throw usageError(`sluice policies import: --from: expected ${FORMATS.join(', ')}, got ${plain(from)}`)
  }
}

function formatOf({ text }: NamedText): (typeof FORMATS)[number] | undefined {
  if (/^\s*limit_req/m.test(text)) return 'nginx'
  if (/^\s*domain\s*:/m.test(text)) return 'envoy'
  return /^\uFEFF?"?[\w ]+"?([,;]"?[\w ]+"?)*\r?\n/.test(text) && /client_id/.test(text) ? 'csv' : undefined
}
