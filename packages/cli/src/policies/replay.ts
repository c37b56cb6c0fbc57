import { createReadStream, openSync, statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { replay, type ReplayReport } from '@sluice/policies'
import type { Command, Invocation } from '../command.ts'
import { readDocument, reasonOf } from '../files.ts'
import { failed, plain, table, usageError } from '../terminal/terminal.ts'

export const replayCommand: Command = {
  name: 'policies replay',
  alias: 'replay',
  summary: 'decide the requests of an access log under a document',
  synopsis: 'LOG --policy FILE [--under PERCENT]',
  operands: [1, 1],
  completes: 'files',
  description: [
    'Reads an access log and decides each request at its own time, as a process would have done that started with empty counters. Prints how many requests would have been refused, by which limit, and whom.',
    'The format is recognised by the first line: nginx and Apache (common, combined), JSON lines (nginx, Caddy, Traefik, pino), or an Application Load Balancer of AWS. A line of another format ends the command with its number. LOG may be compressed by gzip, or be - for the standard input.',
    'A log has neither bodies nor attributes, so limits by them see none; a JSON line may have attributes and headers. It has no durations either, so a limit of requests at once refuses nothing.',
  ],
  options: [
    { name: 'policy', value: 'FILE', means: 'The policy document.' },
    {
      name: 'under',
      value: 'PERCENT',
      means:
        'Also find, for each limit, the smallest number under which it alone would refuse at most this share of its requests. Takes memory for each request.',
    },
  ],
  exits: ['The log was read to its end, whatever was refused.', 'Not used.'],
  examples: [
    ['sluice policies replay access.log --policy sluice.yaml', 'See what a document would have done yesterday.'],
    [
      'zcat access.log.*.gz | sluice policies replay - --policy sluice.yaml --under 0.1',
      'Find limits that would have refused at most one request in a thousand.',
    ],
  ],
  async run(invocation) {
    const policy = invocation.option('policy')
    if (policy === undefined) throw usageError('sluice policies replay: --policy is missing; name the document:  --policy sluice.yaml')
    const document = await readDocument(policy, invocation)
    const path = invocation.operands[0] ?? ''
    const source = path === '-' ? 'standard input' : path
    const progress = progressOn(invocation)
    const report = await replay(textOf(await logOf(path, invocation)), document, {
      source,
      under: shareOf(invocation.option('under')),
      progress: progress.show,
    })
    progress.end()
    if (invocation.isJson) invocation.printJson(report)
    else printReport(invocation, source, report)
    return 0
  },
}

function shareOf(under: string | undefined): number | undefined {
  if (under === undefined) return undefined
  const share = Number(under.replace(/%$/, ''))
  if (!(share >= 0 && share <= 100) || under.trim() === '')
    throw usageError(`sluice policies replay: --under: expected a share in percent, from 0 to 100, got ${plain(under)}`)
  return share
}

/** The text of a log in pieces, of which the first has a whole line. Lines one by one would cost a promise each. */
async function* textOf(bytes: Readable): AsyncGenerator<string> {
  let first: string | undefined = ''
  for await (const piece of bytes.setEncoding('utf8') as AsyncIterable<string>) {
    if (first === undefined) yield piece
    else if ((first += piece).includes('\n')) {
      yield first
      first = undefined
    }
  }
  if (first) yield first
}

/** The bytes of a log, unpacked. Errors of reading come when it is opened, since a stream would report them to nobody. */
async function logOf(path: string, { io }: Invocation): Promise<Readable> {
  if (path === '-') return io.in as Readable
  let file: number
  try {
    if (statSync(path).isDirectory()) throw failed(`${path} cannot be read: it is a folder`)
    file = openSync(path, 'r')
  } catch (error) {
    throw failed(`${path} cannot be read: ${reasonOf(error)}`, error)
  }
  const bytes = createReadStream('', { fd: file, highWaterMark: 1 << 18 })
  return path.endsWith('.gz') ? bytes.pipe(createGunzip()) : bytes
}

/** On a terminal one line that changes; else a line for each million. */
function progressOn({ io }: Invocation): { readonly show: (lines: number) => void; readonly end: () => void } {
  const isTty = io.err.isTTY === true
  let isShown = false
  return {
    show(lines) {
      const text = `${lines.toLocaleString('en')} lines`
      if (isTty) io.err.write(`\r${text}`)
      else if (lines % 1_000_000 === 0) io.err.write(`${text}\n`)
      isShown ||= isTty
    },
    end() {
      if (isShown) io.err.write('\r\u001B[K')
    },
  }
}

function printReport({ print, paint }: Invocation, source: string, report: ReplayReport): void {
  const { requests, limited, refused, from, to, format, limits, shadowed, top, smallest } = report
  const time = (ms: number | undefined): string => (ms === undefined ? '' : new Date(ms).toISOString())
  print(
    paint(
      'bold',
      `${source}: ${requests.toLocaleString('en')} requests${from === undefined ? '' : `, ${time(from)} to ${time(to)}`} (${format ?? 'empty'})`,
    ),
  )
  print(
    `${limited.toLocaleString('en')} limited, ${paint(refused > 0 ? 'red' : 'green', `${refused.toLocaleString('en')} refused (${share(refused, requests)})`)}`,
  )
  const rows = limits.map(({ limit, asked, refused: count }) => [limit, asked, count, share(count, asked)])
  if (rows.length > 0) print(`\n${table(['limit', 'requests', 'refused', 'share'], rows)}`)
  if (shadowed.length > 0)
    print(
      `\n${table(
        ['limit in shadow', 'would refuse'],
        shadowed.map((each) => [each.limit, each.refused]),
      )}`,
    )
  if (top.length > 0)
    print(
      `\n${table(
        ['refused most often', 'by', 'refused'],
        top.map((each) => [each.subject, each.limit, each.refused]),
      )}`,
    )
  if (smallest.length > 0) {
    const found = smallest.map((each) => [each.limit, each.requests, each.current, each.smallest ?? 'none'])
    print(`\n${table(['limit', 'requests', 'now', 'smallest'], found)}`)
  }
}

function share(part: number, whole: number): string {
  return whole === 0 ? '0 %' : `${Number(((100 * part) / whole).toPrecision(3))} %`
}
