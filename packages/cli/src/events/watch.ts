import type { Command, Invocation } from '../command.ts'
import { plain, usageError } from '../terminal/terminal.ts'
import { eventIn, filterBy, type Filters, FILTERS, textOf } from './event.ts'
import { kafkaLines } from './kafka-lines.ts'
import { linesIn, linesOf, type Reading } from './lines.ts'

export const watch: Command = {
  name: 'watch',
  summary: 'print the decisions of limiters as they are made',
  synopsis: 'PLACE [--verdict VERDICT] [--subject SUBJECT] [FILTERS]',
  operands: [1, 1],
  completes: 'files',
  description: [
    'Follows the events that decisionEvents of @sluice/telemetry sends, and prints each on a line: when, verdict, namespace, policy and limit, method and route, subject, and what else it says. Admitted requests are a sample: for 100 means that the line stands for so many.',
    'PLACE is a file of JSON lines, - for the standard input, or a topic of Kafka: kafka://host:9092/topic. kafkas:// is with TLS; user and password stand before the host. Without a topic it is sluice.decisions.v1. Kafka needs the package kafkajs.',
    'Filters are values, or several with commas between them; all of them must fit. Subjects in events are HMACs. With the secret of the events in SLUICE_SECRET, --subject also takes the subject itself, such as an address.',
    'With --json, each event is one JSON value on a line.',
  ],
  options: [
    {
      name: 'verdict',
      value: 'VERDICT',
      means: 'allowed, refused, blocked or unavailable.',
      choices: ['allowed', 'refused', 'blocked', 'unavailable'],
    },
    { name: 'subject', value: 'SUBJECT', means: 'An HMAC as in an event, or with SLUICE_SECRET the subject itself.' },
    { name: 'namespace', value: 'NAME', means: 'The namespace of a document, or the name of a limiter.' },
    { name: 'policy', value: 'NAME', means: 'The policy of the binding limit.' },
    { name: 'tenant', value: 'NAME', means: 'The tenant.' },
    { name: 'endpoint', value: 'ROUTE', means: 'The pattern of a route, such as /users/:id.' },
    { name: 'tier', value: 'NAME', means: 'The tier.' },
    { name: 'mode', value: 'MODE', means: 'enforce, shadow or off.', choices: ['enforce', 'shadow', 'off'] },
    { name: 'region', value: 'NAME', means: 'The region of the process.' },
    { name: 'all', means: 'Begin with the oldest event, and not with those that come from now on.' },
    { name: 'no-follow', means: 'Read a file to its end, and do not wait for more.' },
    { name: 'count', value: 'NUMBER', means: 'End after so many events.' },
  ],
  exits: ['The events were printed.', 'Not used.'],
  examples: [
    ['sluice watch events.jsonl --verdict refused,blocked', 'See who is refused now.'],
    ['SLUICE_SECRET=… sluice watch kafka://localhost:9092 --subject 203.0.113.7', 'Follow one address.'],
    ['sluice watch events.jsonl --all --no-follow --json', 'Give a script all events.'],
  ],
  async run(invocation) {
    const { option, io, isJson, paint, print } = invocation
    const filters = Object.fromEntries(FILTERS.map((name) => [name, option(name)])) as Filters
    const isChosen = filterBy(filters, io.env['SLUICE_SECRET'])
    let left = countOf(option('count'))
    let skipped = 0
    for await (const line of placeOf(invocation)) {
      const event = eventIn(line)
      // Rows of usage are in the same file.
      if (event === undefined) skipped += line === '' || line.includes('"sluice.usage.v1"') ? 0 : 1
      if (event === undefined || !isChosen(event)) continue
      print(isJson ? JSON.stringify(event) : textOf(event, paint))
      if ((left -= 1) === 0) break
    }
    if (skipped > 0) io.err.write(`sluice: ${skipped} lines are no events\n`)
    return 0
  },
}

function placeOf({ operands, has, io }: Pick<Invocation, 'operands' | 'has' | 'io'>): AsyncGenerator<string> {
  const [place = ''] = operands
  const reading: Reading = { isWhole: has('all'), follows: !has('no-follow') }
  if (place === '-') return linesOf(io.in)
  if (!/^\w+:\/\//.test(place)) return linesIn(place, reading)
  if (!/^kafkas?:\/\/(?:[^@/]*@)?[^@/]+(?:\/[\w.-]*)?$/.test(place))
    // Without what stands before an @, which may be a password.
    throw usageError(`sluice watch: expected a file, - or kafka://host:9092/topic, got ${plain(place.replace(/\/\/.*@/, '//…@'))}`)
  if (!reading.follows) throw usageError('sluice watch: --no-follow is for files; end with --count, or by Ctrl+C')
  return kafkaLines(place, reading.isWhole)
}

function countOf(count: string | undefined): number {
  if (count === undefined) return Infinity
  if (!/^[1-9]\d{0,8}$/.test(count)) throw usageError(`sluice watch: --count: expected a whole number, at least 1, got ${plain(count)}`)
  return Number(count)
}
